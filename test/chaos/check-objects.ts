import { createHash } from 'node:crypto';
import { systemClock } from '../../packages/service/src/core/clock.ts';
import type { Database } from '../../packages/service/src/db/database.ts';
import { ObjectSweep } from '../../packages/service/src/images/index.ts';
import type { ObjectStore } from '../../packages/service/src/ports/object-store.ts';
import type { Verdict } from './verdict.ts';

/** Also what was written in this very millisecond. */
const WHATEVER_AGE_MS = -1_000;
/** Longer than a sweep suspects an object before it removes it. */
const SUSPECTED_MS = 3_600_000;

/**
 * Does in peace what the janitor does for what is old: sweeps objects that no row names and writes that never ended,
 * and counts them. Then rows and objects must be each other's mirror, byte by byte.
 */
export async function checkObjects(database: Database, store: ObjectStore, verdict: Verdict): Promise<void> {
  verdict.count('unreferenced objects swept', await sweepAll(database, store));
  verdict.count('unfinished writes swept', (await store.sweepUnfinished?.(WHATEVER_AGE_MS)) ?? 0);
  const rows = await database.query<{ object_key: string; sha256: string }>(
    `SELECT object_key, encode(sha256, 'hex') AS sha256 FROM originals
     UNION ALL SELECT object_key, encode(sha256, 'hex') FROM renditions WHERE object_key IS NOT NULL
     UNION ALL SELECT object_key, encode(sha256, 'hex') FROM pyramids WHERE object_key IS NOT NULL`,
  );
  const digests = new Map(rows.map(({ object_key, sha256 }) => [object_key, sha256]));
  for await (const { key } of store.list('')) {
    if (key.startsWith('system/')) continue;
    const told = digests.get(key);
    digests.delete(key);
    verdict.count('objects checked');
    if (told === undefined) verdict.add('orphan', `no row names the object ${key}`);
    else if (told !== (await digestOf(store, key))) verdict.add('altered', `the object ${key}`);
  }
  for (const key of digests.keys()) verdict.add('lost', `the object ${key}, which a row names`);
}

/** The first look makes suspects; the second comes when they have been suspects for long. */
async function sweepAll(database: Database, store: ObjectStore): Promise<number> {
  let passedMs = 0;
  const clock = { ...systemClock, monotonic: () => passedMs };
  const sweep = new ObjectSweep({ database, store, clock });
  await sweep.sweep(WHATEVER_AGE_MS);
  passedMs = SUSPECTED_MS;
  return sweep.sweep(WHATEVER_AGE_MS);
}

async function digestOf(store: ObjectStore, key: string): Promise<string> {
  const hash = createHash('sha256');
  const { stream } = await store.read(key);
  for await (const chunk of stream) hash.update(chunk as Buffer);
  return hash.digest('hex');
}
