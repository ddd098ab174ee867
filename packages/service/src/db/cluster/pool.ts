import pg from 'pg';
import { invariant } from '../../core/invariant.ts';
import { cutConnection } from './host-watch.ts';
import type { Writer } from './writer.ts';

export interface WriterPoolOptions {
  readonly writer: Writer;
  /** What each connection is made with, besides its host. */
  readonly settings: pg.PoolConfig;
  readonly connectionsMax: number;
  /** How many may wait for one; 2,000 if absent. */
  readonly waitingMax?: number | undefined;
  readonly onError: (error: Error) => void;
}

/** More wait for a connection than may. SQLSTATE 53300, as PostgreSQL says it of its own connections. */
export class WaitingLineError extends Error {
  override readonly name = 'WaitingLineError';
  readonly code = '53300';
}

/** One who waits for a connection. Whoever settles it takes it out of the line in the same turn. */
interface Waiting {
  readonly resolve: () => void;
  readonly reject: (error: Error) => void;
}

const CONNECT_MS_MAX = 5_000;
const IDLE_MS_MAX = 60_000;
/** Sixteen connections do about this many short transactions in the time that anybody waits. */
const WAITING_MAX = 2_000;
/** A writer that fell silent may be paused; after this, what waits for its answer is told that it is lost. */
const SILENT_MS_MAX = 2_000;

/**
 * Connections to the writer, whoever that is: when it moves, all to the former one are cut, and whatever runs on them
 * fails as lost. While there is none nobody waits: whoever asks, or stands in the line, is told at once.
 */
export class WriterPool {
  readonly #options: WriterPoolOptions;
  readonly #waiting = new Set<Waiting>();
  readonly #homes = new WeakMap<pg.PoolClient, pg.Pool>();
  /** Of each who waits for a connection to come about: gives up. */
  readonly #opening = new Set<() => void>();
  #clients = new Set<pg.PoolClient>();
  #pool: pg.Pool | undefined;
  #host: pg.ClientConfig | undefined;
  #taken = 0;
  #silence: NodeJS.Timeout | undefined;
  #closing = false;

  constructor(options: WriterPoolOptions) {
    this.#options = options;
    this.#follow(options.writer.current);
    options.writer.onChange((host) => this.#follow(host));
  }

  /**
   * A connection to the writer, which goes back by `release`.
   * @throws NoWriterError, WaitingLineError, or the connection's own error.
   */
  async connect(): Promise<pg.PoolClient> {
    await this.#place();
    try {
      for (;;) {
        const pool = this.#pool;
        if (!pool || !this.#options.writer.current) throw this.#options.writer.failure();
        const client = await this.#open(pool);
        if (client) return client;
      }
    } catch (error) {
      this.#giveBack();
      this.#options.writer.suspect();
      throw error;
    }
  }

  /** @param isLost drops the connection, and has the writer asked whether it still is one. */
  release(client: pg.PoolClient, isLost: boolean): void {
    client.release(isLost);
    this.#giveBack();
    if (isLost && this.#homes.get(client) === this.#pool) this.#options.writer.suspect();
  }

  counts(): { total: number; idle: number; waiting: number } {
    return { total: this.#pool?.totalCount ?? 0, idle: this.#pool?.idleCount ?? 0, waiting: this.#waiting.size };
  }

  /** Waits for what is under way. */
  async close(): Promise<void> {
    this.#closing = true;
    clearTimeout(this.#silence);
    await this.#pool?.end();
  }

  /** A connection of `pool`, or undefined when the writer moved or was lost meanwhile. */
  async #open(pool: pg.Pool): Promise<pg.PoolClient | undefined> {
    const gone = Promise.withResolvers<undefined>();
    const give = () => gone.resolve(undefined);
    this.#opening.add(give);
    const opening = pool.connect();
    const client = await Promise.race([opening, gone.promise]).finally(() => this.#opening.delete(give));
    if (client && pool === this.#pool) return client;
    opening.then(
      (late) => late.release(true),
      () => undefined,
    );
    return undefined;
  }

  #follow(host: pg.ClientConfig | undefined): void {
    clearTimeout(this.#silence);
    // A host that is paused takes connections and says nothing.
    if (host !== this.#host) for (const giveUp of this.#opening) giveUp();
    if (!host) {
      for (const waiting of this.#waiting) this.#refuse(waiting, this.#options.writer.failure());
      this.#silence = setTimeout(() => this.#cut(), SILENT_MS_MAX);
      return;
    }
    if (host === this.#host) return;
    this.#cut();
    // Ended in the background: what still tries to connect to the old host gives up in its own time.
    this.#pool?.end().catch(() => undefined);
    this.#clients = new Set();
    this.#host = host;
    this.#pool = this.#poolOf(host, this.#clients);
  }

  #poolOf(host: pg.ClientConfig, clients: Set<pg.PoolClient>): pg.Pool {
    const pool = new pg.Pool({
      ...host,
      ...this.#options.settings,
      max: this.#options.connectionsMax,
      connectionTimeoutMillis: CONNECT_MS_MAX,
      idleTimeoutMillis: IDLE_MS_MAX,
      keepAlive: true,
    });
    pool.on('error', (error) => {
      if (this.#closing || pool !== this.#pool) return;
      this.#options.onError(error);
      this.#options.writer.suspect();
    });
    pool.on('connect', (client) => {
      clients.add(client);
      this.#homes.set(client, pool);
      // A client that is on its way out of the pool has no other listener, and an unheard error ends the process.
      client.on('error', () => undefined);
    });
    pool.on('remove', (client) => clients.delete(client as pg.PoolClient));
    return pool;
  }

  #cut(): void {
    for (const client of this.#clients) cutConnection(client);
  }

  /** One of the places of those who may have a connection. */
  async #place(): Promise<void> {
    const { writer, connectionsMax, waitingMax = WAITING_MAX } = this.#options;
    if (!writer.current) await writer.settled;
    if (!writer.current) throw writer.failure();
    if (this.#taken < connectionsMax) {
      this.#taken += 1;
      return;
    }
    if (this.#waiting.size >= waitingMax)
      throw new WaitingLineError(`${waitingMax} wait for a connection to the database already`);
    const waiting = Promise.withResolvers<void>();
    const late = new WaitingLineError(`no connection to the database was free within ${CONNECT_MS_MAX} ms`);
    const timer = setTimeout(() => this.#refuse(waiting, late), CONNECT_MS_MAX);
    this.#waiting.add(waiting);
    // Whoever gives a place back hands it over.
    await waiting.promise.finally(() => clearTimeout(timer));
  }

  #refuse(waiting: Waiting, error: Error): void {
    this.#waiting.delete(waiting);
    waiting.reject(error);
  }

  #giveBack(): void {
    invariant(this.#taken > 0, 'a place is given back once');
    const [next] = this.#waiting;
    if (next) {
      this.#waiting.delete(next);
      next.resolve();
    } else {
      this.#taken -= 1;
    }
  }
}
