/** The front end: routes of the contract over HTTP. */
export type { HttpDeps, HttpLimits, ProbeResult, ReadinessCheck } from './deps.ts';
export { OBJECT_BYTES_MAX } from './object-cache.ts';
export { createServer } from './server.ts';
