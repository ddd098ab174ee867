import { resolve } from 'node:path';
import { type Config, ConfigError, parseObjects } from '../config.ts';
import { openFsObjectStore } from '../drivers/fs-object-store/index.ts';
import type { ObjectStore } from '../ports/object-store.ts';
import type { Metrics } from '../telemetry/metrics.ts';
import { observeStore } from './congestion.ts';

/**
 * Opens the store that SAFELIGHT_OBJECTS names.
 * @param metrics count what the driver does beyond what it is asked for.
 * @throws ConfigError for half a pair of credentials; else what the driver throws when the store cannot be used.
 */
export async function openObjectStore(config: Config, metrics?: Metrics): Promise<ObjectStore> {
  const place = parseObjects(config.SAFELIGHT_OBJECTS);
  if (place.kind === 'file') return openFsObjectStore({ directory: resolve(config.SAFELIGHT_DATA, place.folder) });
  const credentials = credentialsOf(config);
  // The SDK takes a quarter of a second and 25 MB to load, which who keeps files need not spend.
  const { openS3ObjectStore } = await import('../drivers/s3-object-store/index.ts');
  return openS3ObjectStore({ ...place, credentials, observer: metrics && observeStore(metrics) });
}

function credentialsOf(config: Config) {
  const {
    AWS_ACCESS_KEY_ID: accessKeyId,
    AWS_SECRET_ACCESS_KEY: secretAccessKey,
    AWS_SESSION_TOKEN: sessionToken,
  } = config;
  if (accessKeyId === undefined && secretAccessKey === undefined) return undefined;
  if (accessKeyId === undefined || secretAccessKey === undefined) {
    throw new ConfigError('AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY must be set together');
  }
  return { accessKeyId, secretAccessKey, ...(sessionToken !== undefined && { sessionToken }) };
}
