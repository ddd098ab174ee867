import type { Clock } from '../core/clock.ts';
import type { Queryable } from '../db/database.ts';
import { statement } from '../db/statement.ts';
import type { ObjectStore } from '../ports/object-store.ts';

const BATCH = 500;
/** Objects of the system itself, such as anchors of the log, are named by no row of a tenant's. */
const SYSTEM_PREFIX = 'system/';

const selectUnreferenced = statement(
  'select_unreferenced_objects',
  `SELECT k.object_key FROM unnest($1::text[]) AS k (object_key)
   WHERE NOT EXISTS (SELECT FROM originals o WHERE o.object_key = k.object_key)
     AND NOT EXISTS (SELECT FROM renditions r WHERE r.object_key = k.object_key)`,
);

/**
 * Removes objects that no row points at: what a crash left between an object's write and its row's commit. Keys are
 * fresh, so an object older than the longest upload or lease can no longer become referenced.
 * @returns how many were removed.
 */
export async function sweepObjects(
  deps: { readonly database: Queryable; readonly store: ObjectStore; readonly clock: Clock },
  olderThanMs: number,
): Promise<number> {
  const { database, store, clock } = deps;
  let removed = 0;
  let batch: string[] = [];
  const flush = async () => {
    const rows = await database.query<{ object_key: string }>(selectUnreferenced, [batch]);
    await store.remove(rows.map(({ object_key }) => object_key));
    removed += rows.length;
    batch = [];
  };
  for await (const object of store.list('')) {
    if (object.key.startsWith(SYSTEM_PREFIX) || object.changedAtMs > clock.now() - olderThanMs) continue;
    batch.push(object.key);
    if (batch.length === BATCH) await flush();
  }
  if (batch.length > 0) await flush();
  return removed;
}
