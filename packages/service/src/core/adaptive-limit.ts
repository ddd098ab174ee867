/** However slow it gets, a page of pictures may be asked for at once. */
const LIMIT_MIN = 16;
const SHRINK = 0.95;

/**
 * How many may wait for something, found by trial: as many as get it within a time that is worth waiting. More would
 * wait for nothing, since whoever asked has gone when their turn comes; what one of them costs does not tell, since the
 * cores that serve it do other things as well.
 *
 * Additive increase, multiplicative decrease, as TCP finds its window (RFC 5681): each wait that was short adds one, each
 * that was long takes a twentieth. A long wait while few are there says something of that one thing, not of the limit
 * (as with a window that is not used, RFC 7661).
 */
export class AdaptiveLimit {
  readonly #most: number;
  readonly #longMs: number;
  #limit: number;

  /** @param limitMax what it begins with and never exceeds. @param longMs a wait over this is a long one. */
  constructor({ limitMax, longMs }: { readonly limitMax: number; readonly longMs: number }) {
    this.#most = limitMax;
    this.#longMs = longMs;
    this.#limit = limitMax;
  }

  get limit(): number {
    return Math.floor(this.#limit);
  }

  /** One has waited this long, whether in vain or not, while so many were there. */
  note(waitedMs: number, count: number): void {
    if (waitedMs > this.#longMs && count < this.#limit / 2) return;
    const next = waitedMs > this.#longMs ? this.#limit * SHRINK : this.#limit + 1;
    this.#limit = Math.min(this.#most, Math.max(Math.min(LIMIT_MIN, this.#most), next));
  }
}
