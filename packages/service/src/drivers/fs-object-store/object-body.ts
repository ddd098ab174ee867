import { Readable } from 'node:stream';
import { closeFile, readAt } from './file-calls.ts';

/** Up to this many bytes are read at once when the object is opened: one trip to the pool, and no descriptor kept. */
const WHOLE_BYTES_MAX = 256 * 1024;
const CHUNK_BYTES = 256 * 1024;

/** The bytes from `first` on, `bytes` of them. Takes over the descriptor and closes it, also on failure. */
export async function bodyOf(fd: number, first: number, bytes: number): Promise<Readable> {
  if (bytes > WHOLE_BYTES_MAX) return new FileBody(fd, first, bytes);
  try {
    return oneChunk(await readWhole(fd, first, bytes));
  } finally {
    closeFile(fd);
  }
}

async function readWhole(fd: number, first: number, bytes: number): Promise<Uint8Array> {
  const buffer = Buffer.allocUnsafe(bytes);
  for (let filled = 0; filled < bytes; ) {
    const count = await readAt(fd, buffer.subarray(filled), first + filled);
    if (count === 0) throw cutShort(bytes - filled);
    filled += count;
  }
  return buffer;
}

function oneChunk(buffer: Uint8Array): Readable {
  return new Readable({
    highWaterMark: CHUNK_BYTES,
    read() {
      if (buffer.byteLength > 0) this.push(buffer);
      this.push(null);
    },
  });
}

/** Streams from a descriptor. Unlike node's own it errors when the file ends early instead of ending too. */
class FileBody extends Readable {
  readonly #fd: number;
  #position: number;
  #left: number;
  #reading: Promise<void> = Promise.resolve();

  constructor(fd: number, first: number, bytes: number) {
    super({ highWaterMark: CHUNK_BYTES });
    this.#fd = fd;
    this.#position = first;
    this.#left = bytes;
  }

  override _read(): void {
    this.#reading = this.#readChunk();
  }

  /** Waits for a read in flight: a descriptor closed under it could be another file's by then. */
  override _destroy(error: Error | null, done: (error?: Error | null) => void): void {
    this.#reading.then(() => closeFile(this.#fd)).then(() => done(error), done);
  }

  async #readChunk(): Promise<void> {
    if (this.#left === 0) {
      this.push(null);
      return;
    }
    try {
      const buffer = Buffer.allocUnsafe(Math.min(CHUNK_BYTES, this.#left));
      const count = await readAt(this.#fd, buffer, this.#position);
      if (this.destroyed) return;
      if (count === 0) throw cutShort(this.#left);
      this.#position += count;
      this.#left -= count;
      this.push(count === buffer.byteLength ? buffer : buffer.subarray(0, count));
    } catch (error) {
      this.destroy(error instanceof Error ? error : new Error(String(error)));
    }
  }
}

function cutShort(bytesMissing: number): Error {
  return new Error(`the object's file ends ${bytesMissing} bytes early`);
}
