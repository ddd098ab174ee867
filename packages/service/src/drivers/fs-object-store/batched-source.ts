import { createHash } from 'node:crypto';
import { finished, type Readable } from 'node:stream';
import { type ObjectDigest, type StreamWriteOptions, TooManyBytesError } from '../../ports/object-store.ts';
import { writeAll } from './file-calls.ts';

/** A write to the page cache costs more for its trip through libuv's pool than for its bytes: gather this much. */
const BATCH_BYTES_MIN = 256 * 1024;
/** While a batch is being written the next one grows to this, then the source is paused. */
const BATCH_BYTES_MAX = 512 * 1024;
/** The same for a source that drips: a chunk of one byte takes a hundred bytes of memory. */
const BATCH_CHUNKS_MIN = 256;
const BATCH_CHUNKS_MAX = 512;

/**
 * Collects a flowing source into batches, never more than one being written and one growing; takes length and SHA-256
 * on the way. Listens to events itself, which is the cheapest way to read a stream, and from its construction on: a
 * source may error before the file that it is for is open.
 */
export class BatchedSource {
  readonly #source: Readable;
  readonly #options: StreamWriteOptions;
  readonly #hash = createHash('sha256');
  #bytes = 0;
  #batch: Uint8Array[] = [];
  #batchBytes = 0;
  #state: 'flowing' | 'ended' | 'failed' = 'flowing';
  #failure: unknown;
  #wake: (() => void) | undefined;

  constructor(source: Readable, options: StreamWriteOptions) {
    this.#source = source;
    this.#options = options;
    // `finished` leaves its listeners behind, so that an error that the source emits later does not end the process.
    finished(source, { writable: false }, (error) => (error ? this.fail(error) : this.#settle('ended')));
    source.on('data', this.#accept);
    options.signal?.addEventListener('abort', this.#abort, { once: true });
    if (options.signal?.aborted) this.#abort();
  }

  /** Writes the source to a descriptor, to its end. */
  async writeTo(fd: number): Promise<ObjectDigest> {
    for (let batch = await this.#take(); batch.length > 0; batch = await this.#take()) {
      await writeAll(fd, batch);
      if (this.#options.ownsChunks) for (const chunk of batch) free(chunk);
    }
    return { bytes: this.#bytes, sha256: this.#hash.digest() };
  }

  /** Lets go of the source: paused, read no further. Does nothing when the source has ended or failed already. */
  fail(error: unknown): void {
    if (this.#state !== 'flowing') return;
    this.#failure = error;
    this.#settle('failed');
    this.#source.pause();
  }

  /** The next bytes, a full batch of them unless the source ends; empty at its end. */
  async #take(): Promise<Uint8Array[]> {
    while (this.#state === 'flowing' && !this.#holds(BATCH_BYTES_MIN, BATCH_CHUNKS_MIN)) {
      const { promise, resolve } = Promise.withResolvers<void>();
      this.#wake = resolve;
      this.#source.resume();
      await promise;
    }
    if (this.#state === 'failed') throw this.#failure;
    const batch = this.#batch;
    this.#batch = [];
    this.#batchBytes = 0;
    if (this.#state === 'flowing') this.#source.resume();
    return batch;
  }

  #holds(bytes: number, chunks: number): boolean {
    return this.#batchBytes >= bytes || this.#batch.length >= chunks;
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
    this.#batch.push(chunk);
    this.#batchBytes += chunk.byteLength;
    if (this.#holds(BATCH_BYTES_MAX, BATCH_CHUNKS_MAX)) this.#source.pause();
    if (this.#holds(BATCH_BYTES_MIN, BATCH_CHUNKS_MIN)) this.#wake?.();
  };

  readonly #abort = (): void => this.fail(this.#options.signal?.reason);

  #settle(state: 'ended' | 'failed'): void {
    if (this.#state !== 'flowing') return;
    this.#state = state;
    this.#source.off('data', this.#accept);
    this.#options.signal?.removeEventListener('abort', this.#abort);
    this.#wake?.();
  }
}

/**
 * Gives a chunk's memory back now. Left to the collector, the bytes of uploads make it go through the whole heap for
 * memory that a collection of young objects would free: 7 times per 200 uploads of 2.5 MB, against once.
 */
function free({ buffer, byteOffset, byteLength }: Uint8Array): void {
  // A part of a buffer may have neighbours that are still to be written.
  if (buffer instanceof ArrayBuffer && byteOffset === 0 && byteLength === buffer.byteLength) buffer.transfer(0);
}
