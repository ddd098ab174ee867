import type { Clock } from './clock.ts';

export type BreakerState = 'closed' | 'open' | 'half-open';

export interface BreakerOptions {
  readonly clock: Pick<Clock, 'monotonic' | 'random'>;
  /** What is refused while it is open, for whoever reads the error. */
  readonly what: string;
  readonly onChange?: ((state: BreakerState) => void) | undefined;
}

/** Nothing was tried: what it would have gone to has not answered lately. */
export class BreakerOpenError extends Error {
  override readonly name = 'BreakerOpenError';
}

/** What counts are the outcomes of this time and of as much before; fewer than these tell nothing. */
const WINDOW_MS = 5_000;
const OUTCOMES_MIN = 8;
/** A brown-out, in which one call in ten is slow, is far from it; so is what retries and hedges get over. */
const SILENT_SHARE = 1 / 2;
/** Until one call is let through to see; the time doubles with each that fails, and is drawn so that nodes differ. */
const PAUSE_MS = 500;
const PAUSE_MS_MAX = 4_000;

interface Outcomes {
  readonly since: number;
  answered: number;
  silent: number;
}

/**
 * A circuit breaker (M. Nygard, "Release It!", 2007): when half of the latest calls got no answer in time, the following
 * are refused at once instead of waiting as long each. After a pause one call goes through as a probe while the others
 * are still refused; its answer closes the breaker, its silence doubles the pause. A probe that takes long lets another go.
 */
export class Breaker {
  readonly #options: BreakerOptions;
  #state: BreakerState = 'closed';
  #window: Outcomes = { since: Number.NEGATIVE_INFINITY, answered: 0, silent: 0 };
  #former: Outcomes = this.#window;
  #pauseMs = PAUSE_MS;
  #probeAt = 0;

  constructor(options: BreakerOptions) {
    this.#options = options;
  }

  get state(): BreakerState {
    return this.#state;
  }

  /**
   * Runs a call. What fails without delay, such as a refusal, is an answer: it holds nobody up.
   * @param isSilence whether a failure means that there was no answer.
   * @throws BreakerOpenError when it is not even tried, else what the call throws.
   */
  async run<T>(call: () => Promise<T>, isSilence: (error: unknown) => boolean): Promise<T> {
    const isProbe = this.#enter();
    try {
      const answer = await call();
      this.#note(isProbe, false);
      return answer;
    } catch (error) {
      this.#note(isProbe, isSilence(error));
      throw error;
    }
  }

  /** @returns whether the call is a probe. */
  #enter(): boolean {
    if (this.#state === 'closed') return false;
    const { clock, what } = this.#options;
    const now = clock.monotonic();
    if (now < this.#probeAt) throw new BreakerOpenError(`${what} has not answered lately; it is tried again soon`);
    this.#probeAt = now + PAUSE_MS_MAX;
    this.#become('half-open');
    return true;
  }

  #note(isProbe: boolean, isSilent: boolean): void {
    if (isProbe) {
      if (this.#state === 'closed') return;
      if (isSilent) this.#open(Math.min(PAUSE_MS_MAX, 2 * this.#pauseMs));
      else this.#close();
      return;
    }
    // What was under way when it opened tells of the time before.
    if (this.#state !== 'closed') return;
    const now = this.#options.clock.monotonic();
    if (now - this.#window.since > WINDOW_MS) {
      this.#former = this.#window;
      this.#window = { since: now, answered: 0, silent: 0 };
    }
    if (!isSilent) {
      this.#window.answered += 1;
      return;
    }
    this.#window.silent += 1;
    const windows = now - this.#former.since > 2 * WINDOW_MS ? [this.#window] : [this.#window, this.#former];
    const silent = windows.reduce((sum, window) => sum + window.silent, 0);
    const all = windows.reduce((sum, window) => sum + window.answered, silent);
    if (all >= OUTCOMES_MIN && silent >= all * SILENT_SHARE) this.#open(PAUSE_MS);
  }

  #open(pauseMs: number): void {
    const { clock } = this.#options;
    this.#pauseMs = pauseMs;
    this.#probeAt = clock.monotonic() + pauseMs * (1 + clock.random()) * (1 / 2);
    this.#become('open');
  }

  #close(): void {
    this.#window = { since: Number.NEGATIVE_INFINITY, answered: 0, silent: 0 };
    this.#former = this.#window;
    this.#pauseMs = PAUSE_MS;
    this.#become('closed');
  }

  #become(state: BreakerState): void {
    if (state === this.#state) return;
    this.#state = state;
    this.#options.onChange?.(state);
  }
}
