import type { Duplex } from 'node:stream';
import pg from 'pg';
import { type Clock, systemClock } from '../core/clock.ts';
import { invariant } from '../core/invariant.ts';
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
  readonly connection: pg.ClientConfig;
  /** At most this many connections; the one that listens comes on top. */
  readonly connectionsMax: number;
  /** False behind a transaction-pooling proxy. */
  readonly namedStatements: boolean;
  /** How long a connection keeps a plan at most, in milliseconds; 10 s if absent. */
  readonly plansMsMax?: number;
  readonly clock?: Pick<Clock, 'monotonic'>;
  readonly onError: (error: Error) => void;
}

const STATEMENT_MS_MAX = 30_000;
const CONNECT_MS_MAX = 5_000;
const IDLE_MS_MAX = 60_000;
/**
 * A plan made while its table was empty holds any index for as good as another, and a kept one stays until ANALYZE finds
 * the table, up to a minute later: a thousand pictures a second would by then have it read 180,000 rows for one.
 */
const PLANS_MS_MAX = 10_000;
/** Of a transaction that met a deadlock or a conflict of serialisation. */
const ATTEMPTS_MAX = 4;
const RETRY_MS = 20;
/** A plan holds for the role that it was made for: under one name two roles would throw away each other's. */
const TENANT_PLANS = '@tenant';

pg.types.setTypeParser(pg.types.builtins.INT8, Number);
pg.types.setTypeParser(pg.types.builtins.NUMERIC, Number);

/**
 * The one way to PostgreSQL. A statement outside `asTenant` runs as the login role, which inherits `safelight_system`
 * and sees every tenant; inside, as `safelight_app`, which row-level security holds to that tenant's rows.
 */
export class Database implements Queryable {
  readonly #pool: pg.Pool;
  readonly #listener: Listener;
  readonly #named: boolean;
  readonly #plansMsMax: number;
  readonly #clock: Pick<Clock, 'monotonic'>;
  readonly #plannedAt = new WeakMap<pg.PoolClient, number>();
  #closing = false;

  constructor(options: DatabaseOptions) {
    this.#named = options.namedStatements;
    this.#plansMsMax = options.plansMsMax ?? PLANS_MS_MAX;
    this.#clock = options.clock ?? systemClock;
    this.#pool = new pg.Pool({
      ...options.connection,
      max: options.connectionsMax,
      connectionTimeoutMillis: CONNECT_MS_MAX,
      idleTimeoutMillis: IDLE_MS_MAX,
      statement_timeout: STATEMENT_MS_MAX,
      // A hot statement's plan may have been made while its table was empty, and without this would read it whole: 50 ms
      // instead of 0.5 on 300,000 jobs. Compiling a plan would take a hundred.
      options: '-c search_path=safelight -c enable_seqscan=off -c jit=off -c synchronous_commit=on',
      // Statements sent in one turn travel together: a round trip costs both sides some 0.1 ms of CPU.
      pipeline: true,
    });
    this.#pool.on('error', (error) => {
      if (!this.#closing) options.onError(error);
    });
    // A client that is on its way out of the pool has no other listener, and an unheard error ends the process.
    this.#pool.on('connect', (client) => client.on('error', () => undefined));
    this.#listener = new Listener(options.connection, options.onError);
  }

  async query<Row>(sql: Statement | string, values: readonly SqlValue[] = []): Promise<Row[]> {
    const client = await this.#connect();
    return this.#use(client, () => run<Row>(client, this.#named, sql, values, ''));
  }

  /**
   * Runs `work` in one transaction as the login role; rolls back when it throws. After a deadlock it is run again, so
   * it has no effect outside of the transaction.
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
   * Calls `onPayload` for every NOTIFY on `channel`, on a connection of its own that reconnects.
   * Notifications sent while it is away are lost: whoever listens also polls.
   * @returns a function that ends the subscription.
   */
  listen(channel: string, onPayload: (payload: string) => void): () => void {
    return this.#listener.subscribe(channel, onPayload);
  }

  /** Connections open, idle and waited for: for metrics and leak checks. */
  counts(): { total: number; idle: number; waiting: number } {
    return { total: this.#pool.totalCount, idle: this.#pool.idleCount, waiting: this.#pool.waitingCount };
  }

  async close(): Promise<void> {
    this.#closing = true;
    await this.#listener.close();
    await this.#pool.end();
  }

  /** A transaction that PostgreSQL broke off to let another pass has changed nothing: its work is done again. */
  async #transact<T>(begin: string, plans: string, work: (tx: OpenTransaction) => Promise<T>): Promise<T> {
    for (let attempt = 1; ; attempt += 1) {
      try {
        return await this.#attempt(begin, plans, work);
      } catch (error) {
        if (attempt === ATTEMPTS_MAX || !/^40(P01|001)$/.test(errorCode(error) ?? '')) throw error;
        // The other one first: at once, this one might take the same row from it again.
        await new Promise((resolve) => setTimeout(resolve, attempt * RETRY_MS));
      }
    }
  }

  /** BEGIN goes out with the first statement, and nothing of `work` counts when it failed. */
  async #attempt<T>(begin: string, plans: string, work: (tx: OpenTransaction) => Promise<T>): Promise<T> {
    const client = await this.#connect();
    const named = this.#named;
    return this.#use(client, async () => {
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
      sent.add(client.query(begin));
      try {
        const result = await work({ query, later: { query: later } });
        isOver = true;
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
    });
  }

  /** A connection that keeps no plan for too long. */
  async #connect(): Promise<pg.PoolClient> {
    const client = await this.#pool.connect();
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
      client.release(failure !== undefined && isConnectionLoss(failure));
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

/** Whether the statement never ran or its fate is unknown because the server or the connection went away. */
export function isConnectionLoss(error: unknown): boolean {
  const code = errorCode(error);
  if (code === undefined)
    return error instanceof Error && /terminated|Connection|timeout|not queryable/i.test(error.message);
  // Class 08 connection exception, 57P01-57P03 shutdown, 53300 too many connections, and the socket's own words.
  return /^08|^57P0|^53300$|^E(CONN|PIPE|NOENT|TIMEDOUT|ACCES)/.test(code);
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
