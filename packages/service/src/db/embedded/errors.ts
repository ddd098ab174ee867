/** What to do where the embedded PostgreSQL cannot run. */
export const USE_DATABASE_URL = 'set DATABASE_URL to use a PostgreSQL of your own (15 or newer) instead';

/** No PostgreSQL binaries that can run here. The message says which and what to do; nothing was started or changed. */
export class EmbeddedUnavailableError extends Error {
  override readonly name = 'EmbeddedUnavailableError';
}

/** Another live Safelight uses this folder. Nothing of it was touched. */
export class ClusterBusyError extends Error {
  override readonly name = 'ClusterBusyError';
}

/** The server or `initdb` did not come up; the message carries the last lines that it wrote. */
export class ClusterStartError extends Error {
  override readonly name = 'ClusterStartError';
}
