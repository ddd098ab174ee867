import { LRUCache } from 'lru-cache';
import type { Clock } from '../core/clock.ts';

export interface FreshFactsOptions<Fact, Answer> {
  readonly clock: Pick<Clock, 'monotonic'>;
  readonly entriesMax: number;
  /** No fact older than this is told while the database answers. */
  readonly msMax: number;
  /** How much longer facts are told while it is away; 30 s if absent. 0 for what opens doors, such as a key. */
  readonly awayMsMax?: number;
  readonly ask: (key: string) => Promise<Answer>;
  /** What of an answer may be told again; undefined keeps nothing. */
  readonly keep: (key: string, answer: Answer) => Fact | undefined;
  /** Called for each fact that is no longer held. */
  readonly onDrop?: (key: string, fact: Fact) => void;
}

/** Each is a query: a cache of thousands of hot facts must not keep the database busy with nothing else. */
const REFRESHES_AT_ONCE = 4;
/** A question that is as old as this, and none answered since, tells that the database is away. */
const UNANSWERED_MS = 1_000;
/**
 * How much longer facts are told while the database is away (`stale-if-error`, RFC 5861, 4): a failover takes less. They
 * are as old then as the outage; of what is deleted meanwhile by way of other nodes the notification may be lost.
 */
const AWAY_MS_MAX = 30_000;

/**
 * Facts from the database that may be told for a few seconds. One that is asked for in the second half of its time is
 * asked for again meanwhile, so nobody who wants a hot one ever waits for a round trip; its age stays within the bound
 * all the same, but while the database is silent, in which it may be told for 30 s more. Whoever asks for the same unknown fact at the same time shares one question.
 */
export class FreshFacts<Fact extends object, Answer> {
  readonly #options: FreshFactsOptions<Fact, Answer>;
  readonly #facts: LRUCache<string, Fact>;
  readonly #asked = new Map<string, Promise<Answer>>();
  readonly #awayMsMax: number;
  #refreshes = 0;
  /** When the first question was put of those since the last answer. */
  #unansweredSince: number | undefined;

  constructor(options: FreshFactsOptions<Fact, Answer>) {
    this.#options = options;
    const { clock, entriesMax, msMax, onDrop, awayMsMax = AWAY_MS_MAX } = options;
    this.#awayMsMax = awayMsMax;
    this.#facts = new LRUCache<string, Fact>({
      max: entriesMax,
      ttl: msMax + awayMsMax,
      ttlResolution: 0,
      perf: { now: () => clock.monotonic() },
      dispose: (fact, key, reason) => {
        if (reason !== 'set') onDrop?.(key, fact);
      },
    });
  }

  /** The fact if it is known and fresh, or as good as can be had. */
  known(key: string): Fact | undefined {
    const { msMax } = this.#options;
    const fact = this.#facts.get(key);
    const freshMs = this.#facts.getRemainingTTL(key) - this.#awayMsMax;
    if (!fact || (freshMs <= 0 && !this.#isAway(key, -freshMs))) return undefined;
    if (freshMs < msMax / 2) this.#refresh(key);
    return fact;
  }

  /** Asks, together with whoever is asking already. @throws what the question fails with. */
  ask(key: string): Promise<Answer> {
    return this.#asked.get(key) ?? this.askAnew(key);
  }

  /** Asks after something is known to have changed: an answer that is under way may be older than that. */
  askAnew(key: string): Promise<Answer> {
    this.#unansweredSince ??= this.#options.clock.monotonic();
    const asked: Promise<Answer> = this.#options.ask(key).then(
      (answer) => {
        this.#unansweredSince = undefined;
        this.#settle(key, asked, answer);
        return answer;
      },
      (error: unknown) => {
        if (this.#asked.get(key) === asked) this.#asked.delete(key);
        throw error;
      },
    );
    this.#asked.set(key, asked);
    return asked;
  }

  /** Drops facts. */
  forget(keys: Iterable<string>): void {
    for (const key of keys) this.#facts.delete(key);
  }

  /** Drops every fact that is stale. */
  forgetWhere(isStale: (fact: Fact) => boolean): void {
    this.forget([...this.#facts.entries()].filter(([, fact]) => isStale(fact)).map(([key]) => key));
  }

  /** Keeps nothing of the answers that are under way: they may be older than what made the facts untrue. */
  forgetAsked(isStale: (key: string) => boolean): void {
    for (const key of [...this.#asked.keys()]) if (isStale(key)) this.#asked.delete(key);
  }

  #settle(key: string, asked: Promise<Answer>, answer: Answer): void {
    // Forgotten meanwhile, or asked anew.
    if (this.#asked.get(key) !== asked) return;
    this.#asked.delete(key);
    const fact = this.#options.keep(key, answer);
    if (fact) this.#facts.set(key, fact);
    else this.#facts.delete(key);
  }

  /** A question that was put before the fact grew stale, and hangs, is no reason to wait for it. */
  #isAway(key: string, staleMs: number): boolean {
    const since = this.#unansweredSince;
    const silenceMs = this.#asked.has(key) ? Math.min(UNANSWERED_MS, staleMs) : UNANSWERED_MS;
    return since !== undefined && this.#options.clock.monotonic() - since > silenceMs;
  }

  #refresh(key: string): void {
    if (this.#refreshes >= REFRESHES_AT_ONCE || this.#asked.has(key)) return;
    this.#refreshes += 1;
    // A failure is nobody's yet: the fact is told to the end of its time, and then somebody asks for it and hears.
    this.askAnew(key)
      .catch(() => undefined)
      .finally(() => {
        this.#refreshes -= 1;
      });
  }
}
