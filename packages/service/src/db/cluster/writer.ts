import type pg from 'pg';
import { type Clock, systemClock } from '../../core/clock.ts';
import { HostWatch } from './host-watch.ts';
import { hostsOf } from './hosts.ts';

/** No host is known to be the writer now. SQLSTATE 08001, so that it passes for a lost connection. */
export class NoWriterError extends Error {
  override readonly name = 'NoWriterError';
  readonly code = '08001';
}

export interface WriterOptions {
  /** One, or several of which one is the writer. */
  readonly hosts: readonly pg.ClientConfig[];
  readonly clock?: Pick<Clock, 'monotonic'>;
  /** Told in words when the writer is lost, found or moves. */
  readonly onNews?: ((news: string) => void) | undefined;
}

type OnChange = (host: pg.ClientConfig | undefined) => void;
type OnHeard = (watch: HostWatch, askedAt: number) => void;

/** Of several hosts each is asked this often, for a writer that was demoted without a word. */
const WATCH_MS = 1_000;
/** While there is none, and at most this often when failures are told. */
const SEARCH_MS = 100;

/** Long enough to meet the new writer when the database fails over. */
export const WRITER_FOUND_MS_MAX = 15_000;

/** The writer among the hosts of a URL, now. @throws NoWriterError */
export async function writerOf(url: string): Promise<pg.ClientConfig> {
  const writer = new Writer({ hosts: hostsOf(url) });
  try {
    await writer.found(WRITER_FOUND_MS_MAX);
    if (!writer.current) throw writer.failure();
    return writer.current;
  } finally {
    writer.close();
  }
}

/** Of one host alone; should it be a reader, it says so at the first write. */
const ASSUMED = { isWriter: true, timeline: 0, lsn: undefined, server: '' };

interface Watched {
  readonly watch: HostWatch;
  isAsking: boolean;
  askedAt: number;
  timer: NodeJS.Timeout | undefined;
}

/**
 * Knows which host is the writer, by asking. Of two that claim it the highest timeline wins, and once one was seen none
 * on a lower one is followed: an old primary that comes back takes itself for the writer until somebody tells it. Two
 * different servers on one timeline cannot be told apart, so neither is followed.
 *
 * One host alone is the writer until a failure is told; then it is asked until it says so again. So this is the circuit
 * breaker too: while nobody is found, nobody tries.
 */
export class Writer {
  readonly #hosts: readonly Watched[];
  readonly #clock: Pick<Clock, 'monotonic'>;
  readonly #onNews: ((news: string) => void) | undefined;
  readonly #listeners = new Set<OnChange>();
  #onHeard: OnHeard | undefined;
  #current: HostWatch | undefined;
  #timeline = 0;
  readonly #settled = Promise.withResolvers<void>();
  #isSettled: boolean;
  #closed = false;

  constructor({ hosts, clock, onNews }: WriterOptions) {
    const isOneOfSeveral = hosts.length > 1;
    this.#hosts = hosts.map((host) => ({
      watch: new HostWatch(host, isOneOfSeveral),
      isAsking: false,
      askedAt: Number.NEGATIVE_INFINITY,
      timer: undefined,
    }));
    this.#clock = clock ?? systemClock;
    this.#onNews = onNews;
    this.#isSettled = !isOneOfSeveral;
    if (isOneOfSeveral) this.suspect();
    else {
      this.#current = this.#hosts[0]?.watch;
      if (this.#current) this.#current.claim = ASSUMED;
      this.#settled.resolve();
    }
  }

  /** The writer's address, or undefined while there is none. */
  get current(): pg.ClientConfig | undefined {
    return this.#current?.host;
  }

  /** The highest that a writer was seen on; of one host alone 0. */
  get timeline(): number {
    return this.#timeline;
  }

  get watches(): readonly HostWatch[] {
    return this.#hosts.map(({ watch }) => watch);
  }

  /** Calls back whenever a host has answered, or did not, what it was asked at a moment of the monotonic clock. */
  onHeard(listener: OnHeard): void {
    this.#onHeard = listener;
  }

  /** Resolves when every host has been heard once, or did not answer. */
  get settled(): Promise<void> {
    return this.#settled.promise;
  }

  /** Calls back whenever the writer is lost (undefined), found again or another. @returns ends that. */
  onChange(listener: OnChange): () => void {
    this.#listeners.add(listener);
    return () => {
      this.#listeners.delete(listener);
    };
  }

  /** Waits until a writer is known, for at most `msMax`. @throws NoWriterError that tells what each host says. */
  async found(msMax: number): Promise<void> {
    if (this.#current) return;
    const { promise, resolve } = Promise.withResolvers<void>();
    const timer = setTimeout(resolve, msMax);
    const forget = this.onChange((host) => host && resolve());
    await promise;
    clearTimeout(timer);
    forget();
    if (!this.#current) throw this.failure();
  }

  /** Something went wrong with the writer, or with `host` alone: it is asked at once what it is. */
  suspect(host?: HostWatch): void {
    for (const watched of this.#hosts) if (!host || watched.watch === host) this.#askIn(watched, 0);
  }

  /** What to throw at whoever needs a writer now. */
  failure(): NoWriterError {
    const hosts = this.#hosts.map(({ watch }) => `${watch.name}: ${watch.complaint}`);
    return new NoWriterError(`no writer among the hosts of the database (${hosts.join('; ')})`);
  }

  close(): void {
    this.#closed = true;
    this.#listeners.clear();
    this.#onHeard = undefined;
    for (const { watch, timer } of this.#hosts) {
      clearTimeout(timer);
      watch.close();
    }
  }

  /** In a while, but never more often than every 100 ms. */
  #askIn(watched: Watched, ms: number): void {
    if (this.#closed || watched.isAsking) return;
    clearTimeout(watched.timer);
    const restMs = watched.askedAt + SEARCH_MS - this.#clock.monotonic();
    watched.timer = setTimeout(() => this.#ask(watched), Math.max(0, ms, restMs));
  }

  async #ask(watched: Watched): Promise<void> {
    watched.isAsking = true;
    watched.askedAt = this.#clock.monotonic();
    await watched.watch.ask();
    watched.isAsking = false;
    if (this.#closed) return watched.watch.close();
    this.#judge();
    this.#onHeard?.(watched.watch, watched.askedAt);
    if (!this.#current) this.#askIn(watched, SEARCH_MS);
    else if (this.#hosts.length > 1) this.#askIn(watched, WATCH_MS);
  }

  #judge(): void {
    // At first all are heard: the first to answer may be an old primary.
    this.#isSettled ||= this.#hosts.every(({ watch }) => watch.isKnown);
    if (!this.#isSettled) return;
    const next = this.#choose();
    const isNews = next !== this.#current;
    this.#current = next;
    if (this.#hosts.length > 1) this.#timeline = next?.claim?.timeline ?? this.#timeline;
    this.#settled.resolve();
    if (!isNews) return;
    this.#onNews?.(next ? `the writer of the database is ${next.name}` : this.failure().message);
    for (const listener of this.#listeners) listener(next?.host);
    // With nobody to follow, the search goes on faster.
    if (!next) this.suspect();
  }

  #choose(): HostWatch | undefined {
    const claims = this.#hosts.flatMap(({ watch }) =>
      watch.claim?.isWriter && watch.claim.timeline >= this.#timeline ? [{ watch, ...watch.claim }] : [],
    );
    const highest = Math.max(...claims.map(({ timeline }) => timeline));
    const best = claims.filter(({ timeline }) => timeline === highest);
    if (new Set(best.map(({ server }) => server)).size !== 1) return undefined;
    return best.find(({ watch }) => watch === this.#current)?.watch ?? best[0]?.watch;
  }
}
