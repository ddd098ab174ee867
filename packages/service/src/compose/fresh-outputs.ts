import { LRUCache } from 'lru-cache';
import type { Clock } from '../core/clock.ts';
import { OBJECT_BYTES_MAX } from '../http/index.ts';

const BYTES_MAX = 16 * 1024 * 1024;
/** Whoever waits asks within milliseconds of the commit. */
const MS_MAX = 5_000;

/**
 * The bytes of outputs that somebody waits for and this node has just stored: the delivery that woke up for one sends
 * what is still in memory, instead of reading it back from the object store.
 */
export class FreshOutputs {
  readonly #held: LRUCache<string, Buffer>;

  constructor(clock: Pick<Clock, 'monotonic'>) {
    this.#held = new LRUCache<string, Buffer>({
      maxSize: BYTES_MAX,
      sizeCalculation: ({ byteLength }) => Math.max(1, byteLength),
      ttl: MS_MAX,
      ttlAutopurge: true,
      ttlResolution: 0,
      perf: { now: () => clock.monotonic() },
    });
  }

  /** Holds an output until it is taken, for some seconds at most; one that deliveries stream is not held. */
  put(objectKey: string, bytes: Buffer): void {
    if (bytes.byteLength <= OBJECT_BYTES_MAX) this.#held.set(objectKey, bytes);
  }

  /** Gives an output to whoever reads it first. */
  take(objectKey: string): Buffer | undefined {
    const bytes = this.#held.get(objectKey);
    this.#held.delete(objectKey);
    return bytes;
  }
}
