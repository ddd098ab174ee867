import { join } from 'node:path';
import { expect } from 'vitest';
import { openFsObjectStore } from '../../packages/service/src/drivers/fs-object-store/index.ts';
import { withNodeDatabase } from './node-database.ts';
import { unfinishedFiles } from './processes.ts';
import type { Safelight } from './safelight.ts';
import { until } from './until.ts';

interface Books {
  /** Objects that no row points at. */
  readonly unreferenced: string[];
  /** Objects that a row points at and that are not there. */
  readonly missing: string[];
}

/** Compares the object store with the database; call it while nothing is under way. */
export async function auditObjects(
  node: Pick<Safelight, 'data'>,
  objects = join(node.data, 'objects'),
): Promise<Books> {
  const store = await openFsObjectStore({ directory: objects });
  const stored = new Set<string>();
  for await (const { key } of store.list('')) if (!key.startsWith('system/')) stored.add(key);
  const rows = await withNodeDatabase(node, (database) =>
    database.query<{ object_key: string }>(
      `SELECT object_key FROM originals UNION ALL
       SELECT object_key FROM renditions WHERE object_key IS NOT NULL`,
    ),
  );
  const named = new Set(rows.map(({ object_key }) => object_key));
  return {
    unreferenced: [...stored].filter((key) => !named.has(key)),
    missing: [...named].filter((key) => !stored.has(key)),
  };
}

/** Jobs that have not come to their end: neither done, nor dead with a cause. */
export async function openJobs(node: Pick<Safelight, 'data'>): Promise<{ state: string; cause: string | null }[]> {
  return withNodeDatabase(node, (database) =>
    database.query(`SELECT state, cause_code AS cause FROM jobs WHERE state <> 'dead'`),
  );
}

/** Waits until no job is open; then no file of unfinished work is left, and objects and rows name each other. */
export async function expectNothingLeft(node: Pick<Safelight, 'data'>, objects?: string): Promise<void> {
  await until('every job ends', async () => (await openJobs(node)).length === 0, 30_000);
  await until('no unfinished file is left', () => unfinishedFiles(node, objects).length === 0, 5_000);
  expect(await auditObjects(node, objects)).toEqual({ unreferenced: [], missing: [] });
}
