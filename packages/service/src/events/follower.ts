import type { SealedEvent } from './model.ts';

/** Events kept in memory for one consumer that is busy. */
const KEPT_EVENTS_MAX = 500;

/** One consumer: what it has seen, and what is kept for it. */
export class Follower {
  /** Everything up to here has been handed to the consumer or does not concern it. */
  position: number;
  readonly #imageId: string | undefined;
  readonly #signal: AbortSignal;
  readonly #onAbort = () => this.end();
  #kept: SealedEvent[] = [];
  #isBehind = true;
  #isEnded = false;
  #wake: (() => void) | undefined;

  constructor(position: number, imageId: string | undefined, signal: AbortSignal) {
    this.position = position;
    this.#imageId = imageId;
    this.#signal = signal;
    if (signal.aborted) this.#isEnded = true;
    else signal.addEventListener('abort', this.#onAbort, { once: true });
  }

  get isEnded(): boolean {
    return this.#isEnded;
  }

  end(): void {
    this.#isEnded = true;
    this.#signal.removeEventListener('abort', this.#onAbort);
    this.#wake?.();
  }

  /** From now on keeps what comes. @returns the position up to which the consumer must read for itself. */
  resume(tailPosition: number): number {
    this.#kept = [];
    this.#isBehind = false;
    return tailPosition;
  }

  /** Keeps an event for the consumer, or gives up keeping when it has been busy for too long. */
  offer(event: SealedEvent): void {
    if (this.#isBehind) return;
    if (this.#imageId !== undefined && event.imageId !== this.#imageId) return;
    if (this.#kept.length === KEPT_EVENTS_MAX) {
      this.#kept = [];
      this.#isBehind = true;
    } else {
      this.#kept.push(event);
    }
    this.#wake?.();
  }

  /** Yields what is kept and what comes, until the consumer ends or has fallen behind. */
  async *live(): AsyncGenerator<SealedEvent, void, void> {
    while (!this.#isEnded && !this.#isBehind) {
      const event = this.#kept.shift();
      if (event) {
        // A consumer may come from a node that was ahead of this one.
        if (event.position <= this.position) continue;
        this.position = event.position;
        yield event;
      } else {
        await this.#somethingToDo();
      }
    }
  }

  async #somethingToDo(): Promise<void> {
    const { promise, resolve } = Promise.withResolvers<void>();
    this.#wake = resolve;
    await promise;
    this.#wake = undefined;
  }
}
