import type { Duplex } from 'node:stream';
import pg from 'pg';
import type { Clock } from '../core/clock.ts';
import { invariant } from '../core/invariant.ts';
import type { HostPool } from './cluster/pool.ts';
import { errorCode, isConnectionLoss } from './failures.ts';
import type { OpenTransaction, SqlValue } from './queryable.ts';
import type { Statement } from './statement.ts';

export interface TransactionsOptions {
  readonly pool: HostPool;
  /** Whether plans of hot statements are kept by name. */
  readonly named: boolean;
  /** Whether sessions are a proxy's: then each transaction brings its settings along. */
  readonly isProxied: boolean;
  /** How long a new connection keeps a plan at most, in milliseconds; then longer each time, up to thrice that. */
  readonly plansMsMax: number;
  readonly clock: Pick<Clock, 'monotonic'>;
}

/** How a transaction begins, and what its kept plans are told apart by. */
export interface Opening {
  readonly begin: string;
  readonly plans: string;
}

/** How far a transaction has come. */
export interface Progress {
  isBegun: boolean;
  isCommitSent: boolean;
}

export const STATEMENT_MS_MAX = 30_000;
/**
 * Between two statements of a transaction pass milliseconds. A node that is cut off without a word leaves its
 * transactions open, and what they have locked: the server would find out by TCP, after hours.
 */
const IDLE_MS_MAX = 10_000;
/** Making them anew costs each connection some 6 ms; ANALYZE comes after a minute, and throws away what it has overtaken. */
const PLANS_GROWTH_MAX = 3;
/** What PostgreSQL says to what follows a statement that failed. */
const TRANSACTION_FAILED = '25P02';
/** A writer that has said nothing for so long is asked whether it is still there; again every time. */
const SILENCE_MS = 2_000;

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
  statement_timeout: String(STATEMENT_MS_MAX),
  idle_in_transaction_session_timeout: String(IDLE_MS_MAX),
};
/** The settings as a session is started with them. */
export const SESSION_OPTIONS = Object.entries(SESSION)
  .map(([name, value]) => `-c ${name}=${value}`)
  .join(' ');
const SESSION_LOCAL = Object.entries(SESSION)
  .map(([name, value]) => `SET LOCAL ${name} = ${value}`)
  .join('; ');

export const AS_LOGIN: Opening = { begin: 'BEGIN', plans: '' };

/** A transaction that row-level security holds to one tenant's rows. */
export function asTenantAlone(tenantId: string): Opening {
  // BEGIN is not waited for: it must not be able to fail for what stands in it, or the rest would run without walls.
  invariant(!tenantId.includes('\0'), 'no text of PostgreSQL holds a NUL');
  return {
    begin: `BEGIN; SET LOCAL ROLE safelight_app; SET LOCAL safelight.tenant = ${pg.escapeLiteral(tenantId)}`,
    // A plan holds for the role that it was made for: under one name two roles would throw away each other's.
    plans: '@tenant',
  };
}

/** Statements and transactions on the connections of one pool. */
export class Transactions {
  readonly #options: TransactionsOptions;
  readonly #plans = new WeakMap<pg.PoolClient, { readonly since: number; readonly keptMs: number }>();

  constructor(options: TransactionsOptions) {
    this.#options = options;
  }

  /** One statement outside of any transaction. */
  async query<Row>(sql: Statement | string, values: readonly SqlValue[] = []): Promise<Row[]> {
    const client = await this.#connect();
    return this.#use(client, () => run<Row>(client, this.#options.named, sql, values, ''));
  }

  /**
   * Runs `work` once in one transaction; rolls back when it throws. `progress` tells how far that came.
   * @param signal ends the wait for a connection.
   */
  async once<T>(
    opening: Opening,
    work: (tx: OpenTransaction) => Promise<T>,
    progress: Progress,
    signal?: AbortSignal,
  ): Promise<T> {
    const client = await this.#connect(signal);
    progress.isBegun = true;
    return this.#use(client, () => this.#attempt(client, opening, work, progress));
  }

  /** BEGIN goes out with the first statement, and nothing of `work` counts when it failed. */
  async #attempt<T>(
    client: pg.PoolClient,
    { begin, plans }: Opening,
    work: (tx: OpenTransaction) => Promise<T>,
    progress: Progress,
  ): Promise<T> {
    const { named, isProxied } = this.#options;
    const sent = new SentStatements();
    let isOver = false;
    let failure: unknown;
    const query = async <Row>(sql: Statement | string, values: readonly SqlValue[] = []) => {
      // What a failed piece of work still has under way must not run on, outside of the transaction.
      invariant(!isOver, 'the transaction is over');
      gather(client);
      return run<Row>(client, named, sql, values, plans).catch((error: unknown) => {
        failure ??= error;
        throw error;
      });
    };
    const later = async (sql: Statement | string, values?: readonly SqlValue[]) => {
      sent.add(query(sql, values));
      return [];
    };
    gather(client);
    sent.add(client.query(isProxied ? `BEGIN; ${SESSION_LOCAL}${begin.slice('BEGIN'.length)}` : begin));
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
      throw errorCode(error) === TRANSACTION_FAILED ? failure : error;
    }
  }

  /** A connection that keeps no plan for too long. */
  async #connect(signal?: AbortSignal): Promise<pg.PoolClient> {
    const { pool, named, plansMsMax, clock } = this.#options;
    const client = await pool.connect(signal);
    if (!named) return client;
    const now = clock.monotonic();
    const plans = this.#plans.get(client);
    if (plans && now - plans.since < plans.keptMs) return client;
    const keptMs = plans ? Math.min(plans.keptMs * 2, plansMsMax * PLANS_GROWTH_MAX) : plansMsMax;
    this.#plans.set(client, { since: now, keptMs });
    if (!plans) return client;
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
    // A host alone is asked what it is only when there is reason to: one that is cut off without a word gives none.
    const silence = setInterval(() => this.#options.pool.suspect(), SILENCE_MS);
    try {
      return await work();
    } catch (error) {
      failure = error;
      throw error;
    } finally {
      clearInterval(silence);
      client.off('error', onError);
      this.#options.pool.release(client, failure !== undefined && isConnectionLoss(failure));
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
