/** The front end: routes of the contract over HTTP. */
export type { HttpDeps, HttpLimits, ProbeResult, ReadinessCheck } from './deps.ts';
export { createServer } from './server.ts';
