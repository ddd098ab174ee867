import type { Queryable } from '../db/database.ts';
import { MOVE_PURGE_CURSOR, READ_PURGES, RELEASE_PURGE_CURSORS } from './stale.sql.ts';
import { PURGE_MAKING, type Stale } from './stale.ts';

/** `at_once` follows the log's end, `settled` the same events again when they have reached an age. */
export type PurgePass = 'at_once' | 'settled';

/** What a cache in front is to be told next. */
export interface Purges {
  readonly pass: PurgePass;
  readonly stale: readonly Stale[];
  /** Where the cursor stood, and where it stands once all of this has been told. */
  readonly after: number;
  readonly upTo: number;
  /** There is more to read at once. */
  readonly isMore: boolean;
  /** Milliseconds until the next event is old enough; undefined when none waits for that. */
  readonly nextDueMs: number | undefined;
}

interface PurgeRow {
  readonly after: number;
  readonly up_to: number;
  readonly log_position: number | null;
  readonly tenant_id: string | null;
  readonly image_id: string | null;
  readonly age_ms: number | null;
}

/** Longer than a request to the cache takes: a reader that died is followed after this. */
const LEASE_MS = 30_000;
const POSITIONS_MAX = 10_000;
/** As many keys as one purge request of Fastly (256) takes, and less than Cloudflare's at most twice. */
const PURGES_MAX = 100;

/**
 * What became stale since the cursor of `pass`, over all tenants, of events that are at least `ageMsMin` old.
 * @returns undefined while another holder reads.
 */
export async function readPurges(
  database: Queryable,
  pass: PurgePass,
  holder: string,
  ageMsMin: number,
): Promise<Purges | undefined> {
  const values = [pass, holder, LEASE_MS, PURGE_MAKING, POSITIONS_MAX, PURGES_MAX];
  const rows = await database.query<PurgeRow>(READ_PURGES, values);
  const [first] = rows;
  if (!first) return undefined;
  const { after, up_to } = first;
  const events = rows.filter((row) => row.log_position !== null);
  const young = events.findIndex(({ age_ms }) => (age_ms ?? 0) < ageMsMin);
  const due = young < 0 ? events : events.slice(0, young);
  const isFull = due.length === PURGES_MAX;
  // Up to the last one told when there are others behind it; else over everything that needs no telling.
  const upTo =
    young >= 0 ? (events[young]?.log_position ?? after + 1) - 1 : isFull ? (due.at(-1)?.log_position ?? after) : up_to;
  return {
    pass,
    stale: due.map(({ tenant_id, image_id }) => ({ tenantId: tenant_id ?? '', imageId: image_id ?? undefined })),
    after,
    upTo,
    isMore: young < 0 && (isFull || up_to === after + POSITIONS_MAX),
    nextDueMs: young < 0 ? undefined : ageMsMin - (events[young]?.age_ms ?? 0),
  };
}

/** All of it has been told. When another has moved the cursor meanwhile it stays where that one put it. */
export async function finishPurges(database: Queryable, { pass, after, upTo }: Purges): Promise<void> {
  if (upTo !== after) await database.query(MOVE_PURGE_CURSOR, [pass, after, upTo]);
}

/** Gives back what `holder` reads. */
export async function releasePurges(database: Queryable, holder: string): Promise<void> {
  await database.query(RELEASE_PURGE_CURSORS, [holder]);
}
