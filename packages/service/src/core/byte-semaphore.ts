import { invariant } from './invariant.ts';

export interface ByteSemaphoreOptions {
  readonly bytesMax: number;
  /** Callers that may wait at once; beyond it `acquire` fails instead of queueing. */
  readonly waitersMax: number;
}

interface Waiter {
  readonly bytes: number;
  readonly admit: () => void;
}

/** More callers wait than the queue is long. */
export class TooManyWaitersError extends Error {
  override readonly name = 'TooManyWaitersError';
}

/**
 * Admits work by the bytes that it will take. Strictly first come, first served: while a big request waits for room
 * no smaller one passes it, so that it starves never, at the price of room left unused meanwhile.
 */
export class ByteSemaphore {
  readonly bytesMax: number;
  readonly #waitersMax: number;
  /** A set keeps the order of arrival and lets a waiter leave from the middle at no cost. */
  readonly #waiters = new Set<Waiter>();
  #bytesHeld = 0;

  constructor(options: ByteSemaphoreOptions) {
    invariant(options.bytesMax > 0, `a semaphore needs room, got ${options.bytesMax} bytes`);
    this.bytesMax = options.bytesMax;
    this.#waitersMax = options.waitersMax;
  }

  get bytesHeld(): number {
    return this.#bytesHeld;
  }

  get waiting(): number {
    return this.#waiters.size;
  }

  /**
   * Waits for room for `bytes` and takes it.
   * @param bytes from 0 to `bytesMax`: what can never fit must be refused before (InvariantError).
   * @param signal leaves the queue; ignored once admitted.
   * @returns gives the room back; calling it again does nothing.
   * @throws TooManyWaitersError, or the signal's reason.
   */
  async acquire(bytes: number, signal?: AbortSignal): Promise<() => void> {
    invariant(bytes >= 0 && bytes <= this.bytesMax, `${bytes} bytes can never fit into ${this.bytesMax}`);
    signal?.throwIfAborted();
    if (this.#waiters.size > 0 || !this.#fits(bytes)) await this.#wait(bytes, signal);
    else this.#bytesHeld += bytes;
    return this.#releaseOnce(bytes);
  }

  #fits(bytes: number): boolean {
    return this.#bytesHeld + bytes <= this.bytesMax;
  }

  #wait(bytes: number, signal: AbortSignal | undefined): Promise<void> {
    if (this.#waiters.size >= this.#waitersMax) {
      throw new TooManyWaitersError(`${this.#waiters.size} callers wait for room already`);
    }
    return new Promise((resolve, reject) => {
      const leave = () => {
        this.#waiters.delete(waiter);
        reject(signal?.reason);
        this.#admitWaiters();
      };
      const admit = () => {
        signal?.removeEventListener('abort', leave);
        resolve();
      };
      const waiter: Waiter = { bytes, admit };
      this.#waiters.add(waiter);
      signal?.addEventListener('abort', leave, { once: true });
    });
  }

  #releaseOnce(bytes: number): () => void {
    let held = true;
    return () => {
      if (!held) return;
      held = false;
      this.#bytesHeld -= bytes;
      this.#admitWaiters();
    };
  }

  /** Room is taken here, not when the waiter's promise resolves: nobody may slip in between. */
  #admitWaiters(): void {
    for (const waiter of this.#waiters) {
      if (!this.#fits(waiter.bytes)) return;
      this.#waiters.delete(waiter);
      this.#bytesHeld += waiter.bytes;
      waiter.admit();
    }
  }
}
