/**
 * A rate with a burst: fills at `rate` units a second up to `capacity`. It may be overdrawn, so that a piece larger than
 * all of it can pass at all; the next one then waits for longer.
 */
export class TokenBucket {
  #rate: number;
  #capacity: number;
  #tokens: number;
  #at: number;

  /** Begins full. @param now milliseconds that never run backwards, here and below. */
  constructor(rate: number, capacity: number, now: number) {
    this.#rate = rate;
    this.#capacity = capacity;
    this.#tokens = capacity;
    this.#at = now;
  }

  /** Sets another rate; what was saved up beyond the new capacity is lost. */
  set(rate: number, capacity: number, now: number): void {
    this.tokens(now);
    this.#rate = rate;
    this.#capacity = capacity;
    this.#tokens = Math.min(this.#tokens, capacity);
  }

  /** What there is; less than nothing when it is overdrawn. */
  tokens(now: number): number {
    this.#tokens = Math.min(this.#capacity, this.#tokens + (this.#rate * Math.max(0, now - this.#at)) / 1_000);
    this.#at = now;
    return this.#tokens;
  }

  /** Takes so many, be there as many or not. */
  draw(count: number, now: number): void {
    this.#tokens = this.tokens(now) - count;
  }

  /** Milliseconds until there are so many; infinite where nothing flows in. */
  msUntil(count: number, now: number): number {
    const missing = count - this.tokens(now);
    return missing <= 0 ? 0 : (missing / this.#rate) * 1_000;
  }
}
