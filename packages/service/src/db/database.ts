import pg from 'pg';
import { type Clock, systemClock } from '../core/clock.ts';
import type { Deadline } from '../core/deadline.ts';
import { type Followed, HostPool } from './cluster/pool.ts';
import { formatPosition } from './cluster/position.ts';
import { Readers } from './cluster/readers.ts';
import { Writer } from './cluster/writer.ts';
import { errorCode, isConnectionLoss } from './failures.ts';
import { type DatabaseObserver, Guard } from './guard.ts';
import { Listener } from './listener.ts';
import type { OpenTransaction, Reads, SqlValue } from './queryable.ts';
import { positionOfWriter, type ReadNeed, SessionReads } from './session-reads.ts';
import type { Statement } from './statement.ts';
import {
  AS_LOGIN,
  asTenantAlone,
  type Opening,
  SESSION_OPTIONS,
  STATEMENT_MS_MAX,
  Transactions,
} from './transactions.ts';

export { isConnectionLoss, isTransient } from './failures.ts';
export type { OpenTransaction, Queryable, Reads, SqlValue, Transaction } from './queryable.ts';
export type { ServedBy } from './session-reads.ts';

export interface DatabaseOptions {
  /** One host, or several of which one is the writer. */
  readonly connection: pg.ClientConfig | readonly pg.ClientConfig[];
  /** At most this many connections; the one that listens comes on top. */
  readonly connectionsMax: number;
  /** How many may wait for a connection; 2,000 if absent. */
  readonly waitingMax?: number;
  /** Whether plans of hot statements are kept by name; never behind a proxy. */
  readonly namedStatements: boolean;
  /**
   * Of a transaction-pooling proxy, behind which every transaction may meet another session: nothing is kept in one.
   * `direct` leads past it, for LISTEN; without, subscribers are woken every 250 ms.
   */
  readonly proxy?: { readonly direct: readonly pg.ClientConfig[] | undefined } | undefined;
  /** How long a connection keeps a plan at most, in milliseconds; 10 s if absent. */
  readonly plansMsMax?: number;
  /**
   * Of several hosts: how far behind the writer one may be that serves reads, in milliseconds. 0 or absent, or behind a
   * proxy: none does.
   */
  readonly readerLagMsMax?: number | undefined;
  readonly clock?: Pick<Clock, 'monotonic'>;
  readonly onError: (error: Error) => void;
  /** Told in words when the writer is lost, found or moves. */
  readonly onNews?: ((news: string) => void) | undefined;
  readonly observer?: DatabaseObserver | undefined;
}

/**
 * A plan made while its table was empty holds any index for as good as another, and a kept one stays until ANALYZE finds
 * the table, up to a minute later: a thousand pictures a second would by then have it read 180,000 rows for one.
 */
const PLANS_MS_MAX = 10_000;
/** Of a transaction that met a deadlock or a conflict of serialisation, or lost its connection before its commit. */
const ATTEMPTS_MAX = 4;
const RETRY_MS = 20;
/** How long a transaction that was cut off waits for a writer: no more of them than there are connections. */
const WRITER_MS_MAX = 5_000;

pg.types.setTypeParser(pg.types.builtins.INT8, Number);
pg.types.setTypeParser(pg.types.builtins.NUMERIC, Number);

/**
 * The one way to PostgreSQL. A statement outside `asTenant` runs as the login role, which inherits `safelight_system`
 * and sees every tenant; inside, as `safelight_app`, which row-level security holds to that tenant's rows.
 */
export class Database implements Reads {
  readonly #writer: Writer;
  readonly #pool: HostPool;
  readonly #transactions: Transactions;
  readonly #guard: Guard;
  readonly #direct: Writer | undefined;
  readonly #listener: Listener;
  readonly #isProxied: boolean;
  readonly #readers: Readers | undefined;

  constructor(options: DatabaseOptions) {
    const { connection, proxy, onError, onNews, clock = systemClock } = options;
    this.#isProxied = proxy !== undefined;
    const hosts = 'length' in connection ? connection : [connection];
    this.#guard = new Guard({ random: systemClock.random, monotonic: () => clock.monotonic() }, options.observer);
    this.#writer = new Writer({ hosts, clock, onNews });
    const { pool, transactions } = connectionsTo(this.#writer, { ...options, clock });
    this.#pool = pool;
    this.#transactions = transactions;
    const lagMsMax = proxy || hosts.length === 1 ? 0 : (options.readerLagMsMax ?? 0);
    // Whoever would stand in a long line for a reader is served sooner by the writer.
    const line = { waitingMax: options.connectionsMax };
    const connect = (host: Followed) => connectionsTo(host, { ...options, ...line, clock });
    if (lagMsMax > 0) this.#readers = new Readers({ writer: this.#writer, clock, lagMsMax, connect, onNews });
    this.#direct = proxy ? proxy.direct && new Writer({ hosts: proxy.direct, clock }) : this.#writer;
    this.#listener = new Listener(this.#direct, onError);
  }

  /** Waits until a writer is known, for at most `msMax`. @throws NoWriterError that tells what each host says. */
  async findWriter(msMax: number): Promise<void> {
    await this.#writer.found(msMax);
  }

  async query<Row>(sql: Statement | string, values: readonly SqlValue[] = []): Promise<Row[]> {
    // A session of a proxy has no settings of ours: they last for a transaction.
    if (this.#isProxied) return this.transaction((tx) => tx.query<Row>(sql, values));
    return this.#guard.run(() => this.#transactions.query<Row>(sql, values));
  }

  /**
   * Runs `work` in one transaction as the login role; rolls back when it throws. After a deadlock, or when the
   * connection is lost before the commit, it is run again, so it has no effect outside of the transaction.
   */
  async transaction<T>(work: (tx: OpenTransaction) => Promise<T>): Promise<T> {
    return this.#transact(AS_LOGIN, work);
  }

  /** Runs `work` in one transaction that sees and writes `tenantId`'s rows alone. */
  async asTenant<T>(tenantId: string, work: (tx: OpenTransaction) => Promise<T>): Promise<T> {
    return this.#transact(asTenantAlone(tenantId), work);
  }

  /** Whether reads may be served by others than the writer. */
  get hasReaders(): boolean {
    return this.#readers !== undefined;
  }

  /** Reads of one caller, which a reader may serve that is as new as he needs. */
  reading(need: ReadNeed): Reads {
    const readers = this.#readers;
    if (!readers) return this;
    const { timeline } = this.#writer;
    return new SessionReads({
      ...need,
      readers,
      timeline,
      onWriter: (opening, work) => this.#transact(opening, work),
    });
  }

  /** Where the writer is now: everything committed before is no later. */
  async position(): Promise<string> {
    return formatPosition(await positionOfWriter(this));
  }

  /**
   * The same for who waits no longer than until a deadline: what has not begun by then leaves the line for a connection,
   * and no statement takes longer than what is left.
   */
  within(deadline: Deadline): Pick<Database, 'asTenant'> {
    return { asTenant: (tenantId, work) => this.#transact(asTenantAlone(tenantId), work, deadline) };
  }

  /**
   * Calls `onPayload` for every NOTIFY on `channel`, on a connection of its own that reconnects and follows the writer.
   * Notifications sent while it is away are lost: whoever listens also polls.
   * @returns a function that ends the subscription.
   */
  listen(channel: string, onPayload: (payload: string) => void): () => void {
    return this.#listener.subscribe(channel, onPayload);
  }

  /** Connections open, idle and waited for: for metrics and leak checks. */
  counts(): { total: number; idle: number; waiting: number; waitedMs: number } {
    return this.#pool.counts();
  }

  async close(): Promise<void> {
    await this.#listener.close();
    await this.#pool.close();
    await this.#readers?.close();
    this.#writer.close();
    this.#direct?.close();
  }

  /** A transaction that was broken off before its commit was sent has changed nothing: its work is done again. */
  async #transact<T>(opening: Opening, work: (tx: OpenTransaction) => Promise<T>, deadline?: Deadline): Promise<T> {
    return this.#guard.run(() => this.#try(opening, work, deadline), deadline?.signal);
  }

  async #try<T>(
    opening: Opening,
    work: (tx: OpenTransaction) => Promise<T>,
    deadline: Deadline | undefined,
  ): Promise<T> {
    for (let attempt = 1; ; attempt += 1) {
      const progress = { isBegun: false, isCommitSent: false };
      try {
        return await this.#transactions.once(until(opening, deadline), work, progress, deadline?.signal);
      } catch (error) {
        // While there is no writer nobody stands in line.
        if (!progress.isBegun) throw error;
        const isCut = isConnectionLoss(error) && !progress.isCommitSent;
        if (attempt === ATTEMPTS_MAX || !(isCut || /^40(P01|001)$/.test(errorCode(error) ?? ''))) throw error;
        if (deadline?.signal.aborted || !this.#guard.mayRetry()) throw error;
        // The other one first: at once, this one might take the same row from it again.
        await new Promise((resolve) => setTimeout(resolve, attempt * RETRY_MS));
        if (isCut) await this.#writer.found(WRITER_MS_MAX);
      }
    }
  }
}

function connectionsTo(host: Followed, options: DatabaseOptions & { readonly clock: Pick<Clock, 'monotonic'> }) {
  const { proxy, connectionsMax, waitingMax, clock, onError } = options;
  const pool = new HostPool({
    host,
    connectionsMax,
    waitingMax,
    clock,
    onError,
    settings: {
      ...(!proxy && { options: SESSION_OPTIONS }),
      // Statements sent in one turn travel together: a round trip costs both sides some 0.1 ms of CPU.
      pipeline: true,
    },
  });
  const transactions = new Transactions({
    pool,
    named: options.namedStatements && !proxy,
    isProxied: proxy !== undefined,
    plansMsMax: options.plansMsMax ?? PLANS_MS_MAX,
    clock,
  });
  return { pool, transactions };
}

/** No statement of it may take longer than what is left. */
function until(opening: Opening, deadline: Deadline | undefined): Opening {
  if (!deadline) return opening;
  const leftMs = Math.max(1, Math.ceil(Math.min(deadline.leftMs(), STATEMENT_MS_MAX)));
  return { ...opening, begin: `${opening.begin}; SET LOCAL statement_timeout = ${leftMs}` };
}
