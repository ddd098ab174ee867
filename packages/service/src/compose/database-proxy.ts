import type { Config } from '../config.ts';
import type { OpenDatabaseOptions } from '../db/open.ts';

/** Whether a proxy stands before the database, and the way past it, as openDatabase takes it. */
export function proxyOf(config: Config): OpenDatabaseOptions['proxy'] {
  const { SAFELIGHT_DATABASE_PROXY: kind, DATABASE_DIRECT_URL: directUrl } = config;
  return kind === 'transaction' ? { directUrl } : undefined;
}
