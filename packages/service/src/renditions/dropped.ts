import type { Clock } from '../core/clock.ts';
import type { Queryable } from '../db/database.ts';
import { recordEvent } from '../events/index.ts';

/** Tells the meter that objects which were kept are gone without anybody's wish; in the transaction that drops them. */
export async function tellDropped(
  tx: Queryable,
  clock: Clock,
  dropped: {
    readonly tenantId: string;
    /** The original or the tenant that they belonged to. */
    readonly subject: string;
    readonly objects: number;
    readonly bytes: number;
  },
): Promise<void> {
  const { tenantId, subject, objects, bytes } = dropped;
  const data = { objects, storedBytes: -bytes };
  await recordEvent(tx, clock, { tenantId, subject, actor: 'system', type: 'storage.dropped', data });
}
