import type { EventType } from '@safelight/contract';
import type { Queryable } from '../db/database.ts';
import { PAGE_EVENTS_MAX, type SealedEvent } from './model.ts';
import { FIND_MOVED_TAILS, READ_HEAD, READ_IMAGE_EVENTS, READ_TAILS, READ_TENANT_EVENTS } from './read.sql.ts';

export interface EventRange {
  readonly tenantId: string;
  /** Only what tells of this image. */
  readonly imageId?: string | undefined;
  /** 0 begins at the beginning. */
  readonly afterPosition: number;
  /** The last position of interest; default: as far as the log goes. */
  readonly upToPosition?: number | undefined;
  /** Default and at most 500. */
  readonly limit?: number | undefined;
}

/** One page of sealed events, in order of position. What a page shows, nothing will ever appear before. */
export async function readEvents(db: Queryable, range: EventRange): Promise<SealedEvent[]> {
  const { tenantId, imageId, afterPosition, upToPosition = Number.MAX_SAFE_INTEGER } = range;
  const limit = Math.min(range.limit ?? PAGE_EVENTS_MAX, PAGE_EVENTS_MAX);
  const values = [tenantId, afterPosition, upToPosition, limit];
  const rows =
    imageId === undefined
      ? await db.query<EventRow>(READ_TENANT_EVENTS, values)
      : await db.query<EventRow>(READ_IMAGE_EVENTS, [...values, imageId]);
  return rows.map(toEvent);
}

/** The next events of several tenants, each after its own position: at most `limit` of each. */
export async function readTails(
  db: Queryable,
  positions: ReadonlyMap<string, number>,
  limit: number,
): Promise<SealedEvent[]> {
  const rows = await db.query<EventRow>(READ_TAILS, [[...positions.keys()], [...positions.values()], limit]);
  return rows.map(toEvent);
}

/** Those tenants among `positions` whose log goes further. */
export async function findMovedTails(db: Queryable, positions: ReadonlyMap<string, number>): Promise<string[]> {
  const values = [[...positions.keys()], [...positions.values()]];
  const rows = await db.query<{ tenant_id: string }>(FIND_MOVED_TAILS, values);
  return rows.map((row) => row.tenant_id);
}

/** The last position of a tenant's log; 0 when nothing has happened yet. */
export async function readHeadPosition(db: Queryable, tenantId: string): Promise<number> {
  const [row] = await db.query<{ position: number }>(READ_HEAD, [tenantId]);
  return row?.position ?? 0;
}

export interface EventRow {
  tenant_id: string;
  position: number;
  event_id: string;
  type: EventType;
  subject: string;
  image_id: string | null;
  actor: string;
  at: Date;
  data: Record<string, unknown>;
  personal: Record<string, unknown> | null;
}

export function toEvent(row: EventRow): SealedEvent {
  return {
    tenantId: row.tenant_id,
    position: row.position,
    eventId: row.event_id,
    type: row.type,
    subject: row.subject,
    imageId: row.image_id,
    actor: row.actor,
    at: row.at,
    data: row.data,
    personal: row.personal,
  };
}
