/** Requests that a tenant causes to places outside of the installation, and to nowhere else. */
export { type FetchOutside, fetchesOutside, type OutsideAnswer } from './fetch-outside.ts';
export { OutsideError, type OutsideReason } from './outside-error.ts';
export { textsByServers } from './resolve.ts';
