import { setTimeout as pause } from 'node:timers/promises';
import type pg from 'pg';
import type { Clock } from '../../core/clock.ts';
import { errorCode, isConnectionLoss } from '../failures.ts';
import type { Transaction } from '../queryable.ts';
import type { Opening, Transactions } from '../transactions.ts';
import type { HostWatch } from './host-watch.ts';
import type { Followed, HostPool } from './pool.ts';
import { type Position, type PositionRow, SELECT_POSITION } from './position.ts';

export interface ReaderOptions {
  readonly watch: HostWatch;
  readonly clock: Pick<Clock, 'monotonic'>;
  readonly connect: (host: Followed) => { readonly pool: HostPool; readonly transactions: Transactions };
  /** Has the host asked what it is. */
  readonly onSuspect: () => void;
}

export interface Served<T> {
  readonly result: T;
  /** What was seen is no newer than this. */
  readonly position: Position;
}

/** A reader that is paused takes statements and says nothing; the longest list takes three seconds, a common one ten milliseconds. */
const SILENT_MS_MAX = 1_000;
/** A standby in the next building is some milliseconds behind; whoever waits longer is served sooner by the writer. */
const CATCH_UP_MS_MAX = 20;
const NOWHERE = -1;

/** The reader has not yet replayed what its caller has seen. */
class BehindError extends Error {}

/** One host of a cluster while it is a standby. */
export class Reader implements Followed {
  readonly watch: HostWatch;
  /** It has replayed at least so far. */
  lsn = NOWHERE;
  /** Which it follows. */
  timeline = 0;
  /** It holds all that was committed at this moment of our clock. */
  freshAt = Number.NEGATIVE_INFINITY;
  /** Whether somebody waited in vain for it to catch up, since it was heard last. */
  isBehind = false;
  readonly settled = Promise.resolve();
  readonly #options: ReaderOptions;
  readonly #pool: HostPool;
  readonly #transactions: Transactions;
  readonly #listeners = new Set<(host: pg.ClientConfig | undefined) => void>();
  #isSuspect = false;
  #asking: Promise<void> | undefined;

  constructor(options: ReaderOptions) {
    this.watch = options.watch;
    this.#options = options;
    const { pool, transactions } = options.connect(this);
    this.#pool = pool;
    this.#transactions = transactions;
  }

  /** Whether it is a standby that answers. */
  get isThere(): boolean {
    return this.current !== undefined && !this.#isSuspect;
  }

  get current(): pg.ClientConfig | undefined {
    const { claim, host } = this.watch;
    return claim && !claim.isWriter && claim.lsn !== undefined ? host : undefined;
  }

  onChange(listener: (host: pg.ClientConfig | undefined) => void): () => void {
    this.#listeners.add(listener);
    return () => {
      this.#listeners.delete(listener);
    };
  }

  failure(): Error {
    return Object.assign(new Error(`${this.watch.name}: ${this.watch.complaint}`), { code: '08001' });
  }

  /** Nothing is believed of it until it is heard again: it may come back as another's copy. */
  suspect(): void {
    this.#isSuspect = true;
    this.#options.onSuspect();
  }

  /** Takes over what the watch has just heard. */
  hear(): void {
    this.#isSuspect = false;
    this.isBehind = false;
    this.lsn = this.watch.claim?.lsn ?? NOWHERE;
    this.timeline = this.watch.claim?.timeline ?? 0;
    for (const listener of this.#listeners) listener(this.current);
  }

  /**
   * Runs `work` as somebody who has seen `lsn`; waits a moment for it where it must.
   * @returns undefined when the writer is to be asked instead. @throws what `work` throws.
   */
  async read<T>(
    opening: Opening,
    work: (tx: Transaction) => Promise<T>,
    { lsn, mayWait }: { readonly lsn: number; readonly mayWait: boolean },
  ): Promise<Served<T> | undefined> {
    const served = await this.#readInTime(opening, work, lsn);
    if (served !== 'behind') return served;
    if (!mayWait || !(await this.#catchesUp(lsn))) return undefined;
    const again = await this.#readInTime(opening, work, lsn);
    return again === 'behind' ? undefined : again;
  }

  async close(): Promise<void> {
    await this.#pool.close();
  }

  async #readInTime<T>(
    opening: Opening,
    work: (tx: Transaction) => Promise<T>,
    lsn: number,
  ): Promise<Served<T> | 'behind' | undefined> {
    const silence = Promise.withResolvers<undefined>();
    const timer = setTimeout(() => {
      this.suspect();
      silence.resolve(undefined);
    }, SILENT_MS_MAX);
    const served = this.#read(opening, work, lsn).catch((error: unknown) => {
      if (error instanceof BehindError) return 'behind' as const;
      if (isOfTheReader(error)) return undefined;
      throw error;
    });
    try {
      return await Promise.race([served, silence.promise]);
    } finally {
      clearTimeout(timer);
    }
  }

  /** @throws BehindError when it turns out, with the answers, that they may be older than `lsn`. */
  async #read<T>(opening: Opening, work: (tx: Transaction) => Promise<T>, lsn: number): Promise<Served<T>> {
    const { timeline } = this;
    const isKnown = this.lsn >= lsn;
    const progress = { isBegun: false, isCommitSent: false };
    const { result, end } = await this.#transactions.once(
      opening,
      async (tx) => {
        // Travels with the first statement of `work`, and is answered before it.
        const beginning = isKnown ? Promise.resolve(lsn) : this.#positionIn(tx);
        const [begun, done] = await Promise.allSettled([beginning, work(tx)]);
        if (begun.status === 'rejected') throw begun.reason;
        if (begun.value < lsn) throw new BehindError();
        if (done.status === 'rejected') throw done.reason;
        // Travels with the commit.
        const end = Promise.allSettled([this.#positionIn(tx)]);
        return { result: done.value, end };
      },
      progress,
    );
    const [last] = await end;
    if (last.status === 'rejected') throw last.reason;
    if (last.value === NOWHERE) throw new BehindError();
    return { result, position: { timeline, lsn: last.value } };
  }

  async #positionIn(tx: Transaction): Promise<number> {
    const [row] = await tx.query<PositionRow>(SELECT_POSITION);
    // Promoted since it was heard: it is for the watch to say whose history it writes.
    if (!row?.isReader || row.lsn === null) return NOWHERE;
    if (!this.#isSuspect && row.lsn > this.lsn) this.lsn = row.lsn;
    return row.lsn;
  }

  /** All who wait ask together. */
  async #catchesUp(lsn: number): Promise<boolean> {
    const { clock } = this.#options;
    const endsAt = clock.monotonic() + CATCH_UP_MS_MAX;
    for (let waitMs = 1; this.isThere && clock.monotonic() < endsAt; waitMs *= 2) {
      await pause(waitMs);
      this.#asking ??= this.#positionIn(this.#transactions).then(
        () => this.#forgetAsking(),
        () => this.#forgetAsking(),
      );
      await Promise.race([this.#asking, pause(CATCH_UP_MS_MAX)]);
      if (this.lsn >= lsn) return true;
    }
    this.isBehind = true;
    return false;
  }

  #forgetAsking(): void {
    this.#asking = undefined;
  }
}

/** 40001 and 40P01: replay wanted to go on, and what the read still saw stood in its way. */
function isOfTheReader(error: unknown): boolean {
  return isConnectionLoss(error) || /^40(001|P01)$/.test(errorCode(error) ?? '');
}
