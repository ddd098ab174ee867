import { finished, Readable } from 'node:stream';
import { StoreUnavailableError } from '../../ports/object-store.ts';

/** Between two chunks that the reader waits for. */
const IDLE_MS_MAX = 10_000;
/** A connection that breaks again and again is no way to read an object. */
const RESUMES_MAX = 3;
const CHUNK_BYTES = 256 * 1024;

interface BodyOptions {
  readonly source: Readable;
  readonly bytes: number;
  /** Asks for the bytes from `position` on, after the connection broke. */
  readonly resume: (position: number) => Promise<Readable>;
}

/**
 * Streams an object across connections that break: the rest is asked for from where the bytes ended, which is sound
 * because objects are written once. A store that falls silent counts as broken; a reader that rests does not.
 */
export class ObjectBodyStream extends Readable {
  readonly #bytes: number;
  readonly #resume: BodyOptions['resume'];
  #source: Readable | undefined;
  #position = 0;
  #resumes = 0;
  #idle: NodeJS.Timeout | undefined;

  constructor({ source, bytes, resume }: BodyOptions) {
    super({ highWaterMark: CHUNK_BYTES });
    this.#bytes = bytes;
    this.#resume = resume;
    this.#attach(source);
  }

  override _read(): void {
    if (!this.#source) return;
    this.#expect();
    this.#source.resume();
  }

  override _destroy(error: Error | null, done: (error?: Error | null) => void): void {
    clearTimeout(this.#idle);
    this.#source?.destroy();
    this.#source = undefined;
    done(error);
  }

  #attach(source: Readable): void {
    this.#source = source;
    source.pause();
    source.on('data', (chunk: Buffer) => {
      if (source !== this.#source) return;
      this.#position += chunk.byteLength;
      if (this.push(chunk)) return this.#expect();
      clearTimeout(this.#idle);
      source.pause();
    });
    // `finished` leaves its listeners behind, so that a late error of a dropped connection harms nobody.
    finished(source, { writable: false }, (error) => {
      if (source !== this.#source) return;
      this.#source = undefined;
      clearTimeout(this.#idle);
      if (!error && this.#position === this.#bytes) this.push(null);
      else void this.#reconnect(error ?? new Error(`the object ended ${this.#bytes - this.#position} bytes early`));
    });
  }

  #expect(): void {
    clearTimeout(this.#idle);
    this.#idle = setTimeout(() => {
      this.#source?.destroy(new Error(`no byte within ${IDLE_MS_MAX} ms`));
    }, IDLE_MS_MAX);
  }

  async #reconnect(broken: Error): Promise<void> {
    this.#resumes += 1;
    try {
      if (this.#resumes > RESUMES_MAX) {
        throw new StoreUnavailableError(`the object could not be read to its end: ${broken.message}`, {
          cause: broken,
        });
      }
      const source = await this.#resume(this.#position);
      if (this.destroyed) {
        source.destroy();
        return;
      }
      this.#attach(source);
      this._read();
    } catch (error) {
      this.destroy(error instanceof Error ? error : broken);
    }
  }
}
