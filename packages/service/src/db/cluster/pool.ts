import pg from 'pg';
import { AdaptiveLimit } from '../../core/adaptive-limit.ts';
import { type Clock, systemClock } from '../../core/clock.ts';
import { invariant } from '../../core/invariant.ts';
import { cutConnection } from './host-watch.ts';

/** What connections lead to: one host at a time, or none. */
export interface Followed {
  readonly current: pg.ClientConfig | undefined;
  /** Resolves when it is known whether there is one. */
  readonly settled: Promise<void>;
  /** Calls back when the host is another, or none. @returns ends that. */
  onChange(listener: (host: pg.ClientConfig | undefined) => void): () => void;
  /** What to throw at whoever needs one now. */
  failure(): Error;
  /** Something went wrong with it. */
  suspect(): void;
}

export interface HostPoolOptions {
  readonly host: Followed;
  /** What each connection is made with, besides its host. */
  readonly settings: pg.PoolConfig;
  readonly connectionsMax: number;
  /** How many may wait for one; 2,000 if absent. */
  readonly waitingMax?: number | undefined;
  readonly clock?: Pick<Clock, 'monotonic'> | undefined;
  readonly onError: (error: Error) => void;
}

/** More wait for a connection than may. SQLSTATE 53300, as PostgreSQL says it of its own connections. */
export class WaitingLineError extends Error {
  override readonly name: string = 'WaitingLineError';
  readonly code = '53300';
}

/** None became free in all the time that one may wait. */
export class WaitedInVainError extends WaitingLineError {
  override readonly name = 'WaitedInVainError';
}

/** One who waits for a connection. Whoever settles it takes it out of the line in the same turn. */
interface Waiting {
  readonly resolve: () => void;
  readonly reject: (error: unknown) => void;
}

const CONNECT_MS_MAX = 5_000;
const IDLE_MS_MAX = 60_000;
/** Sixteen connections do about this many short transactions in the time that anybody waits. */
const WAITING_MAX = 2_000;
/** When the database slows down, the line is shortened until whoever joins it is served within this time. */
const LONG_WAIT_MS = 1_000;
/** A writer that fell silent may be paused; after this, what waits for its answer is told that it is lost. */
const SILENT_MS_MAX = 2_000;

/**
 * Connections to one host, such as the writer, whoever that is: when it moves, all to the former one are cut, and whatever runs on them
 * fails as lost. While there is none nobody waits: whoever asks, or stands in the line, is told at once.
 */
export class HostPool {
  readonly #options: HostPoolOptions;
  readonly #waiting = new Set<Waiting>();
  readonly #line: AdaptiveLimit;
  readonly #clock: Pick<Clock, 'monotonic'>;
  readonly #homes = new WeakMap<pg.PoolClient, pg.Pool>();
  /** Of each who waits for a connection to come about: gives up. */
  readonly #opening = new Set<() => void>();
  #clients = new Set<pg.PoolClient>();
  #pool: pg.Pool | undefined;
  #host: pg.ClientConfig | undefined;
  #taken = 0;
  /** Of who left the line last. */
  #waitedMs = 0;
  #silence: NodeJS.Timeout | undefined;
  #closing = false;

  constructor(options: HostPoolOptions) {
    this.#options = options;
    this.#clock = options.clock ?? systemClock;
    this.#line = new AdaptiveLimit({ limitMax: options.waitingMax ?? WAITING_MAX, longMs: LONG_WAIT_MS });
    this.#follow(options.host.current);
    options.host.onChange((host) => this.#follow(host));
  }

  /**
   * A connection to the writer, which goes back by `release`.
   * @param signal leaves the line; who has been served in it is not stopped.
   * @throws NoWriterError, WaitingLineError, the signal's reason, or the connection's own error.
   */
  async connect(signal?: AbortSignal): Promise<pg.PoolClient> {
    await this.#place(signal);
    try {
      for (;;) {
        const pool = this.#pool;
        if (!pool || !this.#options.host.current) throw this.#options.host.failure();
        const client = await this.#open(pool);
        if (client) return client;
      }
    } catch (error) {
      this.#giveBack();
      this.#options.host.suspect();
      throw error;
    }
  }

  /** @param isLost drops the connection, and has the writer asked whether it still is one. */
  release(client: pg.PoolClient, isLost: boolean): void {
    client.release(isLost);
    this.#giveBack();
    if (isLost && this.#homes.get(client) === this.#pool) this.#options.host.suspect();
  }

  /** Something takes long: the host is asked whether it is there. */
  suspect(): void {
    this.#options.host.suspect();
  }

  counts(): { total: number; idle: number; waiting: number; waitedMs: number } {
    const { totalCount: total = 0, idleCount: idle = 0 } = this.#pool ?? {};
    return { total, idle, waiting: this.#waiting.size, waitedMs: this.#waiting.size > 0 ? this.#waitedMs : 0 };
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
      for (const waiting of this.#waiting) this.#refuse(waiting, this.#options.host.failure());
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
      this.#options.host.suspect();
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
  async #place(signal: AbortSignal | undefined): Promise<void> {
    const { host, connectionsMax } = this.#options;
    if (!host.current) await host.settled;
    if (!host.current) throw host.failure();
    signal?.throwIfAborted();
    if (this.#taken < connectionsMax) {
      this.#taken += 1;
      return;
    }
    const { limit } = this.#line;
    if (this.#waiting.size >= limit)
      throw new WaitingLineError(`${limit} wait for a connection to the database already`);
    await this.#wait(signal);
  }

  /** Until whoever gives a place back hands it over. */
  async #wait(signal: AbortSignal | undefined): Promise<void> {
    const waiting = Promise.withResolvers<void>();
    const since = this.#clock.monotonic();
    const late = new WaitedInVainError(`no connection to the database was free within ${CONNECT_MS_MAX} ms`);
    const timer = setTimeout(() => this.#refuse(waiting, late), CONNECT_MS_MAX);
    const leave = () => this.#refuse(waiting, signal?.reason);
    signal?.addEventListener('abort', leave, { once: true });
    this.#waiting.add(waiting);
    try {
      await waiting.promise;
    } finally {
      clearTimeout(timer);
      signal?.removeEventListener('abort', leave);
      this.#waitedMs = this.#clock.monotonic() - since;
      // However short the line is, a long wait is the line's: whoever stands in it costs the same.
      this.#line.note(this.#waitedMs, this.#line.limit);
    }
  }

  #refuse(waiting: Waiting, error: unknown): void {
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
