/** However slow it gets, a page of them may be asked for at once. */
const LIMIT_MIN = 16;
const SHRINK = 0.95;

/**
 * How many renditions of a tenant may be pending before a further one is refused: as many as are made in half the time
 * for which a request waits, found by trial. More would be made for nobody, since their requests have gone when they are
 * done. What a rendition costs does not tell: the cores that make it answer requests and keep the database as well.
 *
 * Additive increase, multiplicative decrease, as TCP finds its window (RFC 5681): each wait that was short adds one, each
 * that was long takes a twentieth. A long wait while few are pending says something of a picture or a worker, not of the
 * limit (as with a window that is not used, RFC 7661).
 */
export class PendingLimit {
  readonly #most: number;
  readonly #longMs: number;
  #limit: number;

  constructor({ pendingMax, waitMs }: { readonly pendingMax: number; readonly waitMs: number }) {
    this.#most = pendingMax;
    this.#longMs = waitMs / 2;
    this.#limit = pendingMax;
  }

  get limit(): number {
    return Math.floor(this.#limit);
  }

  /** A request has waited this long, whether in vain or not, while so many were pending. */
  note(waitedMs: number, pending: number): void {
    if (waitedMs > this.#longMs && pending < this.#limit / 2) return;
    const next = waitedMs > this.#longMs ? this.#limit * SHRINK : this.#limit + 1;
    this.#limit = Math.min(this.#most, Math.max(Math.min(LIMIT_MIN, this.#most), next));
  }
}
