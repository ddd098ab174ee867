import {
  formatPosition,
  type Position,
  type PositionRow,
  parsePosition,
  SELECT_POSITION,
  timelineOf,
} from './cluster/position.ts';
import type { Readers } from './cluster/readers.ts';
import type { Queryable, Reads, SqlValue, Transaction } from './queryable.ts';
import type { Statement } from './statement.ts';
import { AS_LOGIN, asTenantAlone, type Opening } from './transactions.ts';

/** Where a read was served. */
export type ServedBy = 'writer' | 'reader';

/** What the reads of one caller need. */
export interface ReadNeed {
  /** They are no older than this; a position that a write or an earlier read ended with. */
  readonly position?: string | undefined;
  /** Whether they see all that is committed when they begin. */
  readonly isStrong: boolean;
  /** Told of each where it was served, and a position that it is no newer than. */
  readonly onServed: (by: ServedBy, position: string) => void;
}

export interface SessionReadsOptions extends ReadNeed {
  readonly readers: Readers;
  readonly timeline: number;
  readonly onWriter: <T>(opening: Opening, work: (tx: Transaction) => Promise<T>) => Promise<T>;
}

/** Reads of one caller, served by a reader that is as new as what he has seen, or else by the writer. */
export class SessionReads implements Reads {
  readonly #options: SessionReadsOptions;
  #position: Position;

  constructor(options: SessionReadsOptions) {
    this.#options = options;
    this.#position = options.position === undefined ? { timeline: 0, lsn: 0 } : parsePosition(options.position);
  }

  query<Row>(sql: Statement | string, values?: readonly SqlValue[]): Promise<Row[]> {
    return this.#read(AS_LOGIN, (tx) => tx.query<Row>(sql, values));
  }

  asTenant<T>(tenantId: string, work: (tx: Transaction) => Promise<T>): Promise<T> {
    return this.#read(asTenantAlone(tenantId), work);
  }

  async #read<T>(opening: Opening, work: (tx: Transaction) => Promise<T>): Promise<T> {
    const { isStrong, readers, timeline, onServed } = this.#options;
    const { lsn, timeline: seenTimeline } = this.#position;
    // Who has seen a later timeline than we know of may have seen anything on it.
    const reader = isStrong || seenTimeline > timeline ? undefined : readers.choose(lsn);
    // What was lost with a former timeline never comes: there is nothing to wait for.
    const served = await reader?.read(opening, work, { lsn, mayWait: seenTimeline === timeline });
    if (served) {
      this.#position = served.position;
      onServed('reader', formatPosition(served.position));
      return served.result;
    }
    const { result, end } = await this.#options.onWriter(opening, async (tx) => {
      const result = await work(tx);
      // Travels with the commit.
      return { result, end: Promise.allSettled([positionOfWriter(tx)]) };
    });
    const [last] = await end;
    if (last.status === 'rejected') throw last.reason;
    this.#position = last.value;
    onServed('writer', formatPosition(last.value));
    return result;
  }
}

/** Everything that was committed before is no later. @throws what says that it is the writer no more. */
export async function positionOfWriter(writer: Queryable): Promise<Position> {
  const [row] = await writer.query<PositionRow>(SELECT_POSITION);
  if (!row || row.isReader || row.lsn === null) throw new NotWriterError('the writer of the database is a reader now');
  return { timeline: timelineOf(row.file), lsn: row.lsn };
}

/** SQLSTATE 25006, as PostgreSQL says it of a write. */
class NotWriterError extends Error {
  override readonly name = 'NotWriterError';
  readonly code = '25006';
}
