import { monitorEventLoopDelay } from 'node:perf_hooks';
import type { Clock } from '../core/clock.ts';
import { type PlacesBound, PlacesTakenError } from '../core/tenant-places.ts';
import type { Database } from '../db/database.ts';
import type { Metrics } from '../telemetry/metrics.ts';

/** Work that a node may refuse. What is ready is delivered whatever the load. */
export type Sheddable = 'batch' | 'upload' | 'live';

/** How overloaded a node is, each in milliseconds. */
export interface Load {
  /** How late its timers fire, half of them. */
  readonly eventLoopDelay: number;
  /** How long who was served last has waited for a connection to the database, while others still do. */
  readonly databaseWait: number;
  /** How long a request has waited for a rendition lately. */
  readonly liveWait: number;
}

/**
 * From where on each kind of work is refused. Each measure stops the work that can wait before the work that cannot: a
 * better form of what a client has already can be ordered tomorrow, an upload is sent again by its client, and a reader
 * of a page is gone. Long waits for renditions stop no upload, whose own renditions wait behind them anyhow; what may be
 * ordered then is found by trial (see {@link Orders}).
 */
const BOUNDS: Readonly<Record<keyof Load, Readonly<Record<Sheddable, number>>>> = {
  eventLoopDelay: { batch: 100, upload: 400, live: 1_000 },
  databaseWait: { batch: 250, upload: 1_500, live: 3_000 },
  liveWait: { batch: 2_500, upload: Number.POSITIVE_INFINITY, live: Number.POSITIVE_INFINITY },
};

const MEASURES = Object.keys(BOUNDS) as (keyof Load)[];

/** The bound that a node under this load has crossed for such work, if any. */
export function boundCrossed(work: Sheddable, load: Load): PlacesBound | undefined {
  const measure = MEASURES.find((name) => load[name] > BOUNDS[name][work]);
  return measure && { name: `${measure}MsMax`, limit: BOUNDS[measure][work], actual: Math.round(load[measure]) };
}

const RESOLUTION_MS = 20;
const NANOSECONDS_PER_MS = 1e6;
/** A measure of the loop tells of this time, and so long does a long wait for a rendition count. */
const WINDOW_MS = 1_000;
const LIVE_WAIT_MS = 5_000;
/** Nobody measures the loop after this long without work that could be refused: looking cost an idle node 3 ms/s. */
const UNASKED_MS = 10_000;

interface SheddingDeps {
  readonly clock: Pick<Clock, 'monotonic'>;
  readonly database: Pick<Database, 'counts'>;
  readonly metrics: Pick<Metrics, 'shed'>;
  readonly closing: AbortSignal;
}

/** Measures this node, and refuses what it is too loaded for. */
export class Shedding {
  readonly #deps: SheddingDeps;
  readonly #delays = monitorEventLoopDelay({ resolution: RESOLUTION_MS });
  /** Runs while the loop is measured, from the last question on. */
  #unasked: NodeJS.Timeout | undefined;
  #eventLoopDelay = 0;
  #measuredAt: number;
  #live = { at: Number.NEGATIVE_INFINITY, waitedMs: 0 };

  constructor(deps: SheddingDeps) {
    this.#deps = deps;
    this.#measuredAt = deps.clock.monotonic();
    deps.closing.addEventListener('abort', () => this.#rest(), { once: true });
  }

  /** @throws PlacesTakenError with the bound that this node has crossed for such work. */
  refuse(work: Sheddable): void {
    const bound = boundCrossed(work, this.#load());
    if (!bound) return;
    this.#deps.metrics.shed.inc({ work });
    throw new PlacesTakenError(bound);
  }

  /** A request has waited this long for a rendition. */
  noteLiveWait(waitedMs: number): void {
    this.#live = { at: this.#deps.clock.monotonic(), waitedMs };
  }

  /** From the first question after a rest on; what it answers is known a second later. */
  #measure(now: number): void {
    if (this.#unasked) {
      this.#unasked.refresh();
      return;
    }
    if (this.#deps.closing.aborted) return;
    this.#delays.enable();
    this.#measuredAt = now;
    this.#unasked = setTimeout(() => this.#rest(), UNASKED_MS).unref();
  }

  #rest(): void {
    clearTimeout(this.#unasked);
    this.#unasked = undefined;
    this.#delays.disable();
    this.#delays.reset();
    this.#eventLoopDelay = 0;
  }

  #load(): Load {
    const { clock, database } = this.#deps;
    const now = clock.monotonic();
    this.#measure(now);
    if (now - this.#measuredAt > WINDOW_MS) {
      // The median: that the process once stood still, such as when its machine was suspended, is no load.
      this.#eventLoopDelay = Math.max(0, this.#delays.percentile(50) / NANOSECONDS_PER_MS - RESOLUTION_MS);
      this.#delays.reset();
      this.#measuredAt = now;
    }
    return {
      eventLoopDelay: this.#eventLoopDelay,
      databaseWait: database.counts().waitedMs,
      liveWait: now - this.#live.at < LIVE_WAIT_MS ? this.#live.waitedMs : 0,
    };
  }
}
