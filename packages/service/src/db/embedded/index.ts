/**
 * The embedded PostgreSQL: real binaries from npm, started as a supervised child on a private socket, for the set-up
 * that needs nothing installed. Survives SIGKILL of anything without a hand; see orphans.ts and lock.ts for how.
 */
export { findBinaries, type PostgresBinaries } from './binaries.ts';
export { type EmbeddedCluster, type EmbeddedClusterOptions, startEmbeddedCluster } from './cluster.ts';
export { ClusterBusyError, ClusterStartError } from './errors.ts';
