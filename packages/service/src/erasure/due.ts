import type { Clock } from '../core/clock.ts';
import type { Database } from '../db/database.ts';
import { listDue } from '../images/index.ts';
import type { ObjectStore } from '../ports/object-store.ts';
import { eraseImage } from './erase-image.ts';

/** Each is a transaction of a few milliseconds. */
const BATCH = 100;

/**
 * Erases images whose time in the trash is over, of all tenants. Whoever restores one meanwhile either was first, or
 * finds it gone. @returns how many, before `signal` broke it off.
 */
export async function eraseDue(
  deps: { readonly database: Database; readonly store: ObjectStore; readonly clock: Clock },
  signal: AbortSignal,
): Promise<number> {
  const { database, store, clock } = deps;
  let erased = 0;
  for (let batch = BATCH; batch === BATCH && !signal.aborted; ) {
    const due = await listDue(database, BATCH);
    batch = due.length;
    for (const { tenantId, imageId } of due) {
      if (signal.aborted) return erased;
      const lookup = await eraseImage(database, clock, { tenantId, imageId, actor: 'trash', onlyDue: true });
      if (lookup.state !== 'found') continue;
      erased += 1;
      // What stays is removed before the receipt is signed.
      await store.remove(lookup.value.objectKeys).catch(() => undefined);
    }
  }
  return erased;
}
