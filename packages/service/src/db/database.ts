import pg from 'pg';
import { Listener } from './listener.ts';
import type { Statement } from './statement.ts';

/** A value that the driver encodes as a parameter. */
export type SqlValue = string | number | bigint | boolean | null | Date | Uint8Array | readonly SqlValue[];

export interface Queryable {
  /** Runs one statement and answers its rows; int8 as number, bytea as Buffer, timestamptz as Date. */
  query<Row>(sql: Statement | string, values?: readonly SqlValue[]): Promise<Row[]>;
}

export type Transaction = Queryable;

export interface DatabaseOptions {
  readonly connection: pg.ClientConfig;
  /** At most this many connections; the one that listens comes on top. */
  readonly connectionsMax: number;
  /** False behind a transaction-pooling proxy. */
  readonly namedStatements: boolean;
  readonly onError: (error: Error) => void;
}

const STATEMENT_MS_MAX = 30_000;
const CONNECT_MS_MAX = 5_000;
const IDLE_MS_MAX = 60_000;

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
  #closing = false;

  constructor(options: DatabaseOptions) {
    this.#named = options.namedStatements;
    this.#pool = new pg.Pool({
      ...options.connection,
      max: options.connectionsMax,
      connectionTimeoutMillis: CONNECT_MS_MAX,
      idleTimeoutMillis: IDLE_MS_MAX,
      statement_timeout: STATEMENT_MS_MAX,
      // Tables here grow from nothing to millions of rows within minutes: a plan kept from before would read them whole
      // (measured: 50 ms instead of 0.5 on 300,000 jobs). Planning anew takes 0.03-0.1 ms; JIT would take a hundred.
      options: '-c search_path=safelight -c plan_cache_mode=force_custom_plan -c jit=off',
    });
    this.#pool.on('error', (error) => {
      if (!this.#closing) options.onError(error);
    });
    // A client that is on its way out of the pool has no other listener, and an unheard error ends the process.
    this.#pool.on('connect', (client) => client.on('error', () => undefined));
    this.#listener = new Listener(options.connection, options.onError);
  }

  async query<Row>(sql: Statement | string, values: readonly SqlValue[] = []): Promise<Row[]> {
    const client = await this.#pool.connect();
    return this.#use(client, () => run<Row>(client, this.#named, sql, values));
  }

  /** Runs `work` in one transaction as the login role; rolls back when it throws. */
  async transaction<T>(work: (tx: Transaction) => Promise<T>): Promise<T> {
    return this.#transact('BEGIN', work);
  }

  /** Runs `work` in one transaction that sees and writes `tenantId`'s rows alone. */
  async asTenant<T>(tenantId: string, work: (tx: Transaction) => Promise<T>): Promise<T> {
    const tenant = pg.escapeLiteral(tenantId);
    return this.#transact(`BEGIN; SET LOCAL ROLE safelight_app; SET LOCAL safelight.tenant = ${tenant}`, work);
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

  async #transact<T>(begin: string, work: (tx: Transaction) => Promise<T>): Promise<T> {
    const client = await this.#pool.connect();
    const named = this.#named;
    return this.#use(client, async () => {
      await client.query(begin);
      try {
        const result = await work({ query: (sql, values = []) => run(client, named, sql, values) });
        await client.query('COMMIT');
        return result;
      } catch (error) {
        await client.query('ROLLBACK').catch(() => undefined);
        throw error;
      }
    });
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
): Promise<Row[]> {
  const query =
    typeof sql === 'string'
      ? { text: sql, values: [...values] }
      : { text: sql.text, values: [...values], ...(named ? { name: sql.name } : {}) };
  const result = await client.query(query);
  return result.rows as Row[];
}

/** Whether the statement never ran or its fate is unknown because the server or the connection went away. */
export function isConnectionLoss(error: unknown): boolean {
  const code = errorCode(error);
  if (code === undefined)
    return error instanceof Error && /terminated|Connection|timeout|not queryable/i.test(error.message);
  // Class 08 connection exception, 57P01-57P03 shutdown, 53300 too many connections, and the socket's own words.
  return /^08|^57P0|^53300$|^E(CONN|PIPE|NOENT|TIMEDOUT|ACCES)/.test(code);
}

function errorCode(error: unknown): string | undefined {
  const code = (error as { code?: unknown } | null | undefined)?.code;
  return typeof code === 'string' ? code : undefined;
}
