import type { EventType } from '@safelight/contract';
import type { Queryable } from '../db/database.ts';
import { statement } from '../db/statement.ts';
import type { SealedEvent } from './model.ts';
import { type EventRow, readHeadPosition, toEvent } from './read.ts';

export interface EventSearch {
  readonly tenantId: string;
  /** The newest first, or the oldest. */
  readonly order: 'desc' | 'asc';
  /** What stands behind this position, in that order. */
  readonly after?: number | undefined;
  readonly limit: number;
  readonly type?: EventType | undefined;
  readonly actor?: string | undefined;
  readonly subject?: string | undefined;
  readonly imageId?: string | undefined;
  readonly since?: Date | undefined;
  readonly until?: Date | undefined;
}

/** A line of the log with its link of the tenant's chain. */
export interface FoundEvent extends SealedEvent {
  readonly hash: Uint8Array;
}

export interface FoundEvents {
  readonly events: readonly FoundEvent[];
  /** Where to go on; absent at the end of the log, or of the time that was asked for. */
  readonly next: number | undefined;
}

/** Lines that one search looks at: a filter that nothing fits does not read a log of millions in one request. */
const POSITIONS_MAX = 20_000;
/** Sealing puts lines in order of their transactions, whose times lie within this of each other. */
const DISORDER_MS = 60_000;

/**
 * A range of the primary key, which has no gaps. $1 tenant, $2 first and $3 last position, $4 type, $5 actor, $6 subject,
 * $7 image, $8 since, $9 until, $10 lines at most.
 */
const searchIn = (order: EventSearch['order']) =>
  statement(
    `events_search_${order}`,
    `SELECT e.tenant_id, e.position, e.event_id, e.type, e.subject, e.image_id, e.actor, e.at, e.data, e.personal, e.hash
   FROM events e
   WHERE e.tenant_id = $1 AND e.position BETWEEN $2 AND $3 AND ($4::text IS NULL OR e.type = $4)
     AND ($5::text IS NULL OR e.actor = $5) AND ($6::text IS NULL OR e.subject = $6)
     AND ($7::text IS NULL OR e.image_id = $7) AND ($8::timestamptz IS NULL OR e.at >= $8)
     AND ($9::timestamptz IS NULL OR e.at < $9)
   ORDER BY e.position ${order} LIMIT $10`,
  );
const SEARCHES = { desc: searchIn('desc'), asc: searchIn('asc') };
/** By primary key. $1 tenant, $2 position. */
const READ_AT = statement('events_read_at', 'SELECT at FROM events WHERE tenant_id = $1 AND position = $2');

/** One page of what fits; it may be empty and yet have a next one. */
export async function searchEvents(db: Queryable, search: EventSearch): Promise<FoundEvents> {
  const { tenantId, order, after, limit } = search;
  const isDescending = order === 'desc';
  const head = await readHeadPosition(db, tenantId);
  const first = isDescending ? Math.max(1, Math.min(after ?? head + 1, head + 1) - POSITIONS_MAX) : (after ?? 0) + 1;
  const last = isDescending ? Math.min((after ?? head + 1) - 1, head) : Math.min(first + POSITIONS_MAX - 1, head);
  // One more than asked for tells whether there is a next page.
  const rows = await db.query<EventRow & { hash: Uint8Array }>(SEARCHES[order], [
    tenantId,
    first,
    last,
    search.type ?? null,
    search.actor ?? null,
    search.subject ?? null,
    search.imageId ?? null,
    search.since ?? null,
    search.until ?? null,
    limit + 1,
  ]);
  const events = rows.slice(0, limit).map((row) => ({ ...toEvent(row), hash: row.hash }));
  if (rows.length > limit) return { events, next: events.at(-1)?.position };
  const edgePosition = isDescending ? first : last;
  const isAtEnd = isDescending ? first <= 1 : last >= head;
  const isOutside = isAtEnd || (await isPastTime(db, search, edgePosition));
  return { events, next: isOutside ? undefined : edgePosition };
}

/** Whether nothing behind this position can lie in the time that was asked for. */
async function isPastTime(db: Queryable, search: EventSearch, position: number): Promise<boolean> {
  const bound = search.order === 'desc' ? search.since : search.until;
  if (!bound) return false;
  const [edge] = await db.query<{ at: Date }>(READ_AT, [search.tenantId, position]);
  const passedMs = (edge?.at.getTime() ?? bound.getTime()) - bound.getTime();
  return search.order === 'desc' ? passedMs < -DISORDER_MS : passedMs > DISORDER_MS;
}
