import { hotStatement } from '../statement.ts';

/** A place in the history of a cluster: everything committed up to it has happened. */
export interface Position {
  /** Grows by one at each promotion. */
  readonly timeline: number;
  /** Bytes of WAL from its beginning. */
  readonly lsn: number;
}

/** What a server says of its place; `lsn` is null where it follows by other means than WAL. */
export interface PositionRow {
  readonly isReader: boolean;
  readonly lsn: number | null;
  /** Of a writer: the WAL file that it writes. */
  readonly file: string | null;
}

/**
 * Of a writer up to where it has written, of a reader up to where it has replayed: what a statement sees that is sent
 * behind this one is at least as new. A WAL file's name begins with the timeline that is being written; the control
 * file tells it only after the checkpoint that follows a promotion.
 */
export const SELECT_POSITION = hotStatement(
  'wal_position',
  `SELECT pg_is_in_recovery() AS "isReader",
     (CASE WHEN pg_is_in_recovery() THEN pg_last_wal_replay_lsn() ELSE pg_current_wal_lsn() END - '0/0')::int8 AS lsn,
     CASE WHEN NOT pg_is_in_recovery() THEN pg_walfile_name(pg_current_wal_lsn()) END AS file`,
);

const TIMELINE_DIGITS = 8;
const LSN_DIGITS = 16;
const HEXADECIMAL = 16;

/** Of a writer's answer. */
export function timelineOf(file: string | null): number {
  return Number.parseInt(file?.slice(0, TIMELINE_DIGITS) ?? '0', HEXADECIMAL);
}

/** As a text of 24 hexadecimal digits, of which the greater is the later. */
export function formatPosition({ timeline, lsn }: Position): string {
  return digits(timeline, TIMELINE_DIGITS) + digits(lsn, LSN_DIGITS);
}

/** Of a text that `formatPosition` may have made. */
export function parsePosition(text: string): Position {
  return {
    timeline: Number.parseInt(text.slice(0, TIMELINE_DIGITS), HEXADECIMAL),
    lsn: Number.parseInt(text.slice(TIMELINE_DIGITS), HEXADECIMAL),
  };
}

function digits(value: number, count: number): string {
  return value.toString(HEXADECIMAL).toUpperCase().padStart(count, '0');
}
