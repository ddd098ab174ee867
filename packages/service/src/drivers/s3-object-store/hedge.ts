import { Allowance } from '../../core/allowance.ts';
import type { Clock } from '../../core/clock.ts';

/** Reads whose times are remembered: enough for a 95th percentile, few enough to follow a store that changes. */
const READS_HELD = 200;
/** Fewer tell nothing of the slowest twentieth. */
const READS_MIN = 20;
const SLOW_QUANTILE = 0.95;
/** Right at the percentile a twentieth of healthy reads would spend all that reads earn, and none be saved up. */
const SLOW_TIMES = 1.5;
/**
 * When more than a twentieth of the reads are slow, the 95th percentile is a slow read's own time and a second request
 * would come too late: then this many medians are waited for. The allowance bounds what that costs.
 */
const MEDIANS_MAX = 8;
const WAIT_MS_MIN = 5;
/** Sorting 200 numbers for each read would cost more than it tells. */
const LEARN_EVERY = 10;
/** Second requests as a share of reads, and how many a quiet time saves up for a bad one. */
const EXTRA_SHARE_MAX = 0.05;
const EXTRA_HELD_MAX = 10;

/**
 * Hedged requests (J. Dean and L. A. Barroso, "The Tail at Scale", CACM 56/2, 2013): a read that has not been answered
 * when most are is asked a second time, on another connection; the first answer counts and the other is cancelled.
 */
export class Hedge {
  readonly #clock: Clock;
  readonly #onExtra: (() => void) | undefined;
  readonly #extra = new Allowance({ share: EXTRA_SHARE_MAX, heldMax: EXTRA_HELD_MAX, held: 0 });
  readonly #readMs: number[] = [];
  #reads = 0;
  #waitMs: number | undefined;

  constructor(clock: Clock, onExtra?: () => void) {
    this.#clock = clock;
    this.#onExtra = onExtra;
  }

  /**
   * @param start makes the request; its signal cancels it.
   * @param drop lets go of an answer that came second all the same.
   */
  async run<Answer>(start: (signal: AbortSignal) => Promise<Answer>, drop: (answer: Answer) => void): Promise<Answer> {
    this.#extra.earn();
    const startedAt = this.#clock.monotonic();
    const answer = await this.#race(start, drop);
    this.#learn(this.#clock.monotonic() - startedAt);
    return answer;
  }

  #race<Answer>(start: (signal: AbortSignal) => Promise<Answer>, drop: (answer: Answer) => void): Promise<Answer> {
    const { promise, resolve, reject } = Promise.withResolvers<Answer>();
    const open = new Set<AbortController>();
    let isOver = false;
    const end = () => {
      isOver = true;
      clearTimeout(timer);
      for (const loser of open) loser.abort();
    };
    const begin = () => {
      const controller = new AbortController();
      open.add(controller);
      start(controller.signal).then(
        (answer) => {
          open.delete(controller);
          if (isOver) return drop(answer);
          end();
          resolve(answer);
        },
        (error: unknown) => {
          open.delete(controller);
          if (isOver || open.size > 0) return;
          end();
          reject(error);
        },
      );
    };
    const timer =
      this.#waitMs === undefined
        ? undefined
        : setTimeout(() => {
            if (!this.#extra.spend()) return;
            this.#onExtra?.();
            begin();
          }, this.#waitMs);
    begin();
    return promise;
  }

  #learn(ms: number): void {
    this.#readMs[this.#reads % READS_HELD] = ms;
    this.#reads += 1;
    if (this.#reads < READS_MIN || this.#reads % LEARN_EVERY !== 0) return;
    const sorted = this.#readMs.toSorted((one, other) => one - other);
    const slow = sorted[Math.floor(sorted.length * SLOW_QUANTILE)] ?? 0;
    const median = sorted[Math.floor(sorted.length / 2)] ?? 0;
    this.#waitMs = Math.max(WAIT_MS_MIN, Math.min(slow * SLOW_TIMES, median * MEDIANS_MAX));
  }
}
