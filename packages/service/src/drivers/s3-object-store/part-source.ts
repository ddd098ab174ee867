import { createHash } from 'node:crypto';
import { finished, type Readable } from 'node:stream';
import { type ObjectDigest, type StreamWriteOptions, TooManyBytesError } from '../../ports/object-store.ts';

/**
 * Cuts a flowing source into parts, of which it holds one; takes length and SHA-256 on the way. Listens to events
 * itself, and from its construction on: a source may error before anybody asks for its first part.
 */
export class PartSource {
  readonly #source: Readable;
  readonly #options: StreamWriteOptions;
  readonly #partBytes: number;
  readonly #hash = createHash('sha256');
  #bytes = 0;
  /** Chunks are copied at once: one of a single byte would take a hundred bytes of memory. */
  #held = Buffer.alloc(0);
  #heldBytes = 0;
  #state: 'flowing' | 'ended' | 'failed' = 'flowing';
  #failure: unknown;
  #wake: (() => void) | undefined;

  constructor(source: Readable, options: StreamWriteOptions, partBytes: number) {
    this.#source = source;
    this.#options = options;
    this.#partBytes = partBytes;
    // `finished` leaves its listeners behind, so that an error that the source emits later does not end the process.
    finished(source, { writable: false }, (error) => (error ? this.fail(error) : this.#settle('ended')));
    source.on('data', this.#accept);
    options.signal?.addEventListener('abort', this.#abort, { once: true });
    if (options.signal?.aborted) this.#abort();
  }

  /** Length and SHA-256 of what has been read. */
  digest(): ObjectDigest {
    return { bytes: this.#bytes, sha256: this.#hash.digest() };
  }

  /** The next part: `partBytes` of bytes, fewer at the end of the source, none after it. Asking makes the source flow. */
  async next(): Promise<Uint8Array> {
    while (this.#state === 'flowing' && this.#heldBytes < this.#partBytes) {
      const { promise, resolve } = Promise.withResolvers<void>();
      this.#wake = resolve;
      this.#source.resume();
      await promise;
    }
    this.throwIfFailed();
    const part = this.#held.subarray(0, Math.min(this.#heldBytes, this.#partBytes));
    const rest = this.#held.subarray(part.byteLength, this.#heldBytes);
    this.#held = Buffer.alloc(0);
    this.#heldBytes = 0;
    this.#hold(rest);
    return part;
  }

  throwIfFailed(): void {
    if (this.#state === 'failed') throw this.#failure;
  }

  /** Lets go of the source: paused, read no further. Does nothing when the source has ended or failed already. */
  fail(error: unknown): void {
    if (this.#state === 'failed') return;
    const wasFlowing = this.#state === 'flowing';
    this.#failure = error;
    this.#settle('failed');
    if (wasFlowing) this.#source.pause();
  }

  readonly #accept = (chunk: unknown): void => {
    if (!(chunk instanceof Uint8Array)) {
      this.fail(new TypeError('an object is written from a stream of bytes'));
      return;
    }
    this.#bytes += chunk.byteLength;
    if (this.#bytes > this.#options.bytesMax) {
      this.fail(new TooManyBytesError(this.#options.bytesMax));
      return;
    }
    this.#hash.update(chunk);
    this.#hold(chunk);
    if (this.#heldBytes < this.#partBytes) return;
    this.#source.pause();
    this.#wake?.();
  };

  #hold(chunk: Uint8Array): void {
    const bytes = this.#heldBytes + chunk.byteLength;
    if (bytes > this.#held.byteLength) {
      const larger = Buffer.allocUnsafeSlow(Math.max(bytes, Math.min(this.#partBytes, bytes * 2)));
      larger.set(this.#held.subarray(0, this.#heldBytes));
      this.#held = larger;
    }
    this.#held.set(chunk, this.#heldBytes);
    this.#heldBytes = bytes;
  }

  readonly #abort = (): void => this.fail(this.#options.signal?.reason);

  #settle(state: 'ended' | 'failed'): void {
    this.#state = state;
    this.#source.off('data', this.#accept);
    this.#options.signal?.removeEventListener('abort', this.#abort);
    this.#wake?.();
  }
}
