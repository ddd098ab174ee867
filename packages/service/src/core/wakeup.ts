import { setTimeout as sleep } from 'node:timers/promises';

/** One loop waits, anybody wakes it; wake-ups while it works or rests are kept and count once. */
export class Wakeup {
  readonly #ended = new AbortController();
  #wake: (() => void) | undefined;
  #isDue = false;

  /** Ends the current wait, or the next one. */
  signal(): void {
    this.#isDue = true;
    this.#wake?.();
  }

  /** Ends the current wait and every later one at once. */
  end(): void {
    this.#ended.abort();
    this.signal();
  }

  /** Waits for a signal or `msMax`, but for `msMin` at least. */
  async wait(msMin: number, msMax: number): Promise<void> {
    await sleep(msMin, undefined, { signal: this.#ended.signal }).catch(() => undefined);
    if (!this.#isDue && !this.#ended.signal.aborted) await this.#signalOr(msMax - msMin);
    this.#isDue = false;
  }

  async #signalOr(ms: number): Promise<void> {
    const { promise, resolve } = Promise.withResolvers<void>();
    const timer = setTimeout(resolve, ms);
    this.#wake = resolve;
    await promise;
    this.#wake = undefined;
    clearTimeout(timer);
  }
}
