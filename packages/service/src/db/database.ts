import type { Duplex } from 'node:stream';
import pg from 'pg';
import { type Clock, systemClock } from '../core/clock.ts';
import { invariant } from '../core/invariant.ts';
import { WriterPool } from './cluster/pool.ts';
import { Writer } from './cluster/writer.ts';
import { Listener } from './listener.ts';
import type { Statement } from './statement.ts';

/** A value that the driver encodes as a parameter. */
export type SqlValue = string | number | bigint | boolean | null | Date | Uint8Array | readonly SqlValue[];

export interface Queryable {
  /** Runs one statement and answers its rows; int8 as number, bytea as Buffer, timestamptz as Date. */
  query<Row>(sql: Statement | string, values?: readonly SqlValue[]): Promise<Row[]>;
}

export type Transaction = Queryable;

/** A transaction as whoever opened it has it. */
export interface OpenTransaction extends Transaction {
  /**
   * The same transaction, for statements whose answer nobody waits for: they answer no rows at once and travel with
   * what is sent next, at the latest with the commit. When one fails, the transaction does.
   */
  readonly later: Queryable;
}

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
  readonly clock?: Pick<Clock, 'monotonic'>;
  readonly onError: (error: Error) => void;
  /** Told in words when the writer is lost, found or moves. */
  readonly onNews?: ((news: string) => void) | undefined;
}

/**
 * Of every session, or where sessions are a proxy's, of every transaction. A hot statement's plan may have been made
 * while its table was empty, and with sequential scans would read it whole: 50 ms instead of 0.5 on 300,000 jobs.
 * Compiling a plan would take a hundred.
 */
const SESSION = {
  search_path: 'safelight',
  enable_seqscan: 'off',
  jit: 'off',
  synchronous_commit: 'on',
  statement_timeout: '30000',
};
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
const SESSION_LOCAL = Object.entries(SESSION)
  .map(([name, value]) => `SET LOCAL ${name} = ${value}`)
  .join('; ');
/** A plan holds for the role that it was made for: under one name two roles would throw away each other's. */
const TENANT_PLANS = '@tenant';

pg.types.setTypeParser(pg.types.builtins.INT8, Number);
pg.types.setTypeParser(pg.types.builtins.NUMERIC, Number);

/**
 * The one way to PostgreSQL. A statement outside `asTenant` runs as the login role, which inherits `safelight_system`
 * and sees every tenant; inside, as `safelight_app`, which row-level security holds to that tenant's rows.
 */
export class Database implements Queryable {
  readonly #writer: Writer;
  readonly #pool: WriterPool;
  readonly #direct: Writer | undefined;
  readonly #listener: Listener;
  readonly #isProxied: boolean;
  readonly #named: boolean;
  readonly #plansMsMax: number;
  readonly #clock: Pick<Clock, 'monotonic'>;
  readonly #plannedAt = new WeakMap<pg.PoolClient, number>();

  constructor(options: DatabaseOptions) {
    const { connection, proxy, onError, onNews, connectionsMax } = options;
    this.#isProxied = proxy !== undefined;
    this.#named = options.namedStatements && !proxy;
    this.#plansMsMax = options.plansMsMax ?? PLANS_MS_MAX;
    this.#clock = options.clock ?? systemClock;
    const hosts = 'length' in connection ? connection : [connection];
    this.#writer = new Writer({ hosts, clock: this.#clock, onNews });
    const session = Object.entries(SESSION).map(([name, value]) => `-c ${name}=${value}`);
    this.#pool = new WriterPool({
      writer: this.#writer,
      connectionsMax,
      waitingMax: options.waitingMax,
      onError,
      settings: {
        ...(!proxy && { options: session.join(' ') }),
        // Statements sent in one turn travel together: a round trip costs both sides some 0.1 ms of CPU.
        pipeline: true,
      },
    });
    this.#direct = proxy ? proxy.direct && new Writer({ hosts: proxy.direct, clock: this.#clock }) : this.#writer;
    this.#listener = new Listener(this.#direct, onError);
  }

  /** Waits until a writer is known, for at most `msMax`. @throws NoWriterError that tells what each host says. */
  async findWriter(msMax: number): Promise<void> {
    await this.#writer.found(msMax);
  }

  async query<Row>(sql: Statement | string, values: readonly SqlValue[] = []): Promise<Row[]> {
    // A session of a proxy has no settings of ours: they last for a transaction.
    if (this.#isProxied) return this.transaction((tx) => tx.query<Row>(sql, values));
    const client = await this.#connect();
    return this.#use(client, () => run<Row>(client, this.#named, sql, values, ''));
  }

  /**
   * Runs `work` in one transaction as the login role; rolls back when it throws. After a deadlock, or when the
   * connection is lost before the commit, it is run again, so it has no effect outside of the transaction.
   */
  async transaction<T>(work: (tx: OpenTransaction) => Promise<T>): Promise<T> {
    return this.#transact('BEGIN', '', work);
  }

  /** Runs `work` in one transaction that sees and writes `tenantId`'s rows alone. */
  async asTenant<T>(tenantId: string, work: (tx: OpenTransaction) => Promise<T>): Promise<T> {
    // BEGIN is not waited for: it must not be able to fail for what stands in it, or the rest would run without walls.
    invariant(!tenantId.includes('\0'), 'no text of PostgreSQL holds a NUL');
    const tenant = pg.escapeLiteral(tenantId);
    const begin = `BEGIN; SET LOCAL ROLE safelight_app; SET LOCAL safelight.tenant = ${tenant}`;
    return this.#transact(begin, TENANT_PLANS, work);
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
  counts(): { total: number; idle: number; waiting: number } {
    return this.#pool.counts();
  }

  async close(): Promise<void> {
    await this.#listener.close();
    await this.#pool.close();
    this.#writer.close();
    this.#direct?.close();
  }

  /** A transaction that was broken off before its commit was sent has changed nothing: its work is done again. */
  async #transact<T>(begin: string, plans: string, work: (tx: OpenTransaction) => Promise<T>): Promise<T> {
    for (let attempt = 1; ; attempt += 1) {
      // While there is no writer nobody stands in line: this throws at once.
      const client = await this.#connect();
      const progress = { isCommitSent: false };
      try {
        return await this.#use(client, () => this.#attempt(client, begin, plans, work, progress));
      } catch (error) {
        const isCut = isConnectionLoss(error) && !progress.isCommitSent;
        if (attempt === ATTEMPTS_MAX || !(isCut || /^40(P01|001)$/.test(errorCode(error) ?? ''))) throw error;
        // The other one first: at once, this one might take the same row from it again.
        await new Promise((resolve) => setTimeout(resolve, attempt * RETRY_MS));
        if (isCut) await this.#writer.found(WRITER_MS_MAX);
      }
    }
  }

  /** BEGIN goes out with the first statement, and nothing of `work` counts when it failed. */
  async #attempt<T>(
    client: pg.PoolClient,
    begin: string,
    plans: string,
    work: (tx: OpenTransaction) => Promise<T>,
    progress: { isCommitSent: boolean },
  ): Promise<T> {
    const named = this.#named;
    const sent = new SentStatements();
    let isOver = false;
    const query = async <Row>(sql: Statement | string, values: readonly SqlValue[] = []) => {
      // What a failed piece of work still has under way must not run on, outside of the transaction.
      invariant(!isOver, 'the transaction is over');
      gather(client);
      return run<Row>(client, named, sql, values, plans);
    };
    const later = async (sql: Statement | string, values?: readonly SqlValue[]) => {
      sent.add(query(sql, values));
      return [];
    };
    gather(client);
    sent.add(client.query(this.#isProxied ? `BEGIN; ${SESSION_LOCAL}${begin.slice('BEGIN'.length)}` : begin));
    try {
      const result = await work({ query, later: { query: later } });
      isOver = true;
      progress.isCommitSent = true;
      // Rolls back when a statement has failed. What is still to be sent goes out with it.
      sent.add(client.query('COMMIT'));
      await sent.settled();
      return result;
    } catch (error) {
      isOver = true;
      await client.query('ROLLBACK').catch(() => undefined);
      // What failed first made the rest fail.
      await sent.settled();
      throw error;
    }
  }

  /** A connection that keeps no plan for too long. */
  async #connect(): Promise<pg.PoolClient> {
    const client = await this.#pool.connect();
    if (!this.#named) return client;
    const now = this.#clock.monotonic();
    const plannedAt = this.#plannedAt.get(client);
    if (plannedAt !== undefined && now - plannedAt < this.#plansMsMax) return client;
    this.#plannedAt.set(client, now);
    gather(client);
    // Not waited for: it travels with what comes next, which fails as well when the connection is lost.
    client.query('DISCARD PLANS').catch(() => undefined);
    return client;
  }

  /** Gives the connection back, or drops it when the failure was the connection's own. */
  async #use<T>(client: pg.PoolClient, work: () => Promise<T>): Promise<T> {
    let failure: unknown;
    // Between queries a lost connection speaks through this event; unheard, it would end the process.
    const onError = (error: Error) => {
      failure = error;
    };
    client.on('error', onError);
    try {
      return await work();
    } catch (error) {
      failure = error;
      throw error;
    } finally {
      client.off('error', onError);
      this.#pool.release(client, failure !== undefined && isConnectionLoss(failure));
    }
  }
}

async function run<Row>(
  client: pg.PoolClient,
  named: boolean,
  sql: Statement | string,
  values: readonly SqlValue[],
  plans: string,
): Promise<Row[]> {
  const query =
    typeof sql === 'string'
      ? { text: sql, values: [...values] }
      : { text: sql.text, values: [...values], ...(named && sql.isKept ? { name: sql.name + plans } : {}) };
  const result = await client.query(query);
  return result.rows as Row[];
}

/** Statements that nobody waits for one by one. */
class SentStatements {
  readonly #ends: Promise<void>[] = [];
  #failure: { readonly error: unknown } | undefined;

  add(statement: Promise<unknown>): void {
    const fail = (error: unknown) => {
      this.#failure ??= { error };
    };
    this.#ends.push(statement.then(() => undefined, fail));
  }

  /** Waits for all of them. @throws what the first that failed failed with. */
  async settled(): Promise<void> {
    await Promise.all(this.#ends);
    if (this.#failure) throw this.#failure.error;
  }
}

/** Has everything that is sent in this turn go out in one write. */
function gather(client: pg.PoolClient): void {
  const { stream } = (client as unknown as { readonly connection: { readonly stream: Duplex } }).connection;
  stream.cork();
  process.nextTick(() => stream.uncork());
}

/**
 * Whether the statement never ran or its fate is unknown because the server or the connection went away, or the server
 * is the writer no more.
 */
export function isConnectionLoss(error: unknown): boolean {
  const code = errorCode(error);
  if (code === undefined)
    return error instanceof Error && /terminated|Connection|timeout|not queryable/i.test(error.message);
  // Class 08 connection exception, 57P01-57P03 shutdown, 53300 too many connections, 25006 a reader, the socket's words.
  return /^08|^57P0|^53300$|^25006$|^E(CONN|PIPE|NOENT|NOTFOUND|TIMEDOUT|ACCES|HOST|NET|AI_)/.test(code);
}

/**
 * Whether the database could not do it now and may later: it is away, short of something, or broke off to let others
 * pass. Class 53 insufficient resources (but for the disk, which is storage), 57014 a statement's time, 40001 and 40P01
 * serialisation and deadlock, 55P03 a lock's time.
 */
export function isTransient(error: unknown): boolean {
  return isConnectionLoss(error) || /^(53(?!100)|57014$|40001$|40P01$|55P03$)/.test(errorCode(error) ?? '');
}

function errorCode(error: unknown): string | undefined {
  const code = (error as { code?: unknown } | null | undefined)?.code;
  return typeof code === 'string' ? code : undefined;
}
