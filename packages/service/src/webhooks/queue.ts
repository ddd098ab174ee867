import type { Queryable } from '../db/database.ts';
import { FORGET_DELIVERIES, LOOK_FOR_NEWS, QUEUE_EVENTS } from './queue.sql.ts';

const POSITIONS_MAX = 1_000;
/** While there is no webhook the cursor follows in steps of this many. */
const POSITIONS_IDLE_MAX = 10_000;
const KEPT_DAYS = 30;
const FORGOTTEN_MAX = 5_000;

/**
 * Queues what has happened since the last time for the webhooks that want to be told.
 * @returns how much was queued, and whether any webhook wants to be told at all.
 */
export async function queueEvents(
  database: Queryable,
): Promise<{ readonly queued: number; readonly isWanted: boolean }> {
  let queued = 0;
  for (;;) {
    const [news] = await database.query<{ is_due: boolean; is_wanted: boolean }>(LOOK_FOR_NEWS, [POSITIONS_IDLE_MAX]);
    const isWanted = news?.is_wanted ?? false;
    if (!news?.is_due) return { queued, isWanted };
    const [row] = await database.query<{ queued: number; is_more: boolean }>(QUEUE_EVENTS, [POSITIONS_MAX]);
    queued += row?.queued ?? 0;
    if (!row?.is_more) return { queued, isWanted };
  }
}

/** Drops deliveries that ended a month ago. @returns how many. */
export async function forgetDeliveries(database: Queryable, signal: AbortSignal): Promise<number> {
  for (let total = 0; ; ) {
    const rows = await database.query(FORGET_DELIVERIES, [KEPT_DAYS, FORGOTTEN_MAX]);
    total += rows.length;
    if (rows.length < FORGOTTEN_MAX || signal.aborted) return total;
  }
}
