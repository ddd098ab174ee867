import type { Database } from '../db/database.ts';
import type { ObjectStore } from '../ports/object-store.ts';
import { SWEEP_TOKENS } from './tokens.sql.ts';
import { DELETE_ENDED, SELECT_ENDED, SELECT_STAGED } from './uploads.sql.ts';

const BATCH = 100;

/**
 * Drops uploads whose time is over, with what lies staged for them: rows first, for an object without a row is swept in
 * any case, and a row without its object would be a promise. Tokens go a day after their end.
 * @returns how many objects went.
 */
export async function sweepUploads(
  deps: { readonly database: Database; readonly store: ObjectStore },
  signal?: AbortSignal,
): Promise<number> {
  let removed = 0;
  for (let found = BATCH; found === BATCH && !signal?.aborted; ) {
    const keys = await deps.database.transaction(async (tx) => {
      const ended = await tx.query<{ tenant_id: string; upload_id: string }>(SELECT_ENDED, [BATCH]);
      found = ended.length;
      if (found === 0) return [];
      const ids = [ended.map((row) => row.tenant_id), ended.map((row) => row.upload_id)];
      const staged = await tx.query<{ object_key: string }>(SELECT_STAGED, ids);
      await tx.query(DELETE_ENDED, ids);
      return staged.map((row) => row.object_key);
    });
    if (keys.length > 0) await deps.store.remove(keys);
    removed += keys.length;
  }
  await deps.database.query(SWEEP_TOKENS);
  return removed;
}
