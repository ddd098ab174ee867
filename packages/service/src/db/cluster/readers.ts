import type { Clock } from '../../core/clock.ts';
import type { Transactions } from '../transactions.ts';
import type { HostWatch } from './host-watch.ts';
import type { Followed, HostPool } from './pool.ts';
import { Reader } from './reader.ts';
import type { Writer } from './writer.ts';

export interface ReadersOptions {
  readonly writer: Writer;
  readonly clock: Pick<Clock, 'monotonic'>;
  /** A reader that has not replayed what the writer had written so long ago is left out. */
  readonly lagMsMax: number;
  readonly connect: (host: Followed) => { readonly pool: HostPool; readonly transactions: Transactions };
  /** Told in words when a reader is left out or is back. */
  readonly onNews?: ((news: string) => void) | undefined;
}

/** At `at` the writer had written no further than to `lsn`. */
interface Mark {
  readonly at: number;
  readonly lsn: number;
}

/**
 * Knows which standbys may serve reads: those that answer, that follow the timeline of the writer, and that have
 * replayed what it had written a bounded time ago. The hosts' answers of each second tell that, with no clock but ours.
 * While the writer is away the marks that it left tell how old a reader is, until they are too old themselves.
 */
export class Readers {
  readonly #readers: readonly Reader[];
  readonly #options: ReadersOptions;
  readonly #fit = new Set<Reader>();
  #marks: readonly Mark[] = [];
  #timeline = 0;
  #turn = 0;

  constructor(options: ReadersOptions) {
    const { writer, clock, connect } = options;
    this.#options = options;
    this.#readers = writer.watches.map(
      (watch) => new Reader({ watch, clock, connect, onSuspect: () => writer.suspect(watch) }),
    );
    writer.onHeard((watch, askedAt) => this.#hear(watch, askedAt));
  }

  /**
   * One that may serve a read of somebody who has seen `lsn`, each in its turn: if there is any, one that is known to
   * have come so far.
   */
  choose(lsn: number): Reader | undefined {
    const fit = this.#readers.filter((reader) => this.#isFit(reader));
    const ready = fit.filter((reader) => reader.lsn >= lsn);
    const among = ready.length > 0 ? ready : fit.filter((reader) => !reader.isBehind);
    this.#turn += 1;
    return among[this.#turn % among.length];
  }

  async close(): Promise<void> {
    await Promise.all(this.#readers.map((reader) => reader.close()));
  }

  #isFit(reader: Reader): boolean {
    const { clock, lagMsMax, writer } = this.#options;
    return reader.isThere && reader.timeline === writer.timeline && clock.monotonic() - reader.freshAt <= lagMsMax;
  }

  #hear(heard: HostWatch, askedAt: number): void {
    const { writer, clock, lagMsMax, onNews } = this.#options;
    const oldest = clock.monotonic() - lagMsMax;
    const hasMoved = writer.timeline !== this.#timeline;
    // Where the former timeline ended is not known: what was written on it measures nobody any more.
    this.#marks = hasMoved ? [] : this.#marks.filter(({ at }) => at >= oldest);
    this.#timeline = writer.timeline;
    if (heard.host === writer.current && heard.claim?.lsn !== undefined)
      this.#marks = [...this.#marks, { at: askedAt, lsn: heard.claim.lsn }];
    for (const reader of this.#readers) {
      if (reader.watch === heard) reader.hear();
      if (hasMoved) reader.freshAt = Number.NEGATIVE_INFINITY;
      reader.freshAt = this.#marks.findLast(({ lsn }) => lsn <= reader.lsn)?.at ?? reader.freshAt;
      if (this.#isFit(reader) === this.#fit.has(reader)) continue;
      if (this.#fit.delete(reader)) onNews?.(`${reader.watch.name} serves no reads for now`);
      else onNews?.(`${this.#fit.add(reader) && reader.watch.name} serves reads`);
    }
  }
}
