import { type FileHandle, open } from 'node:fs/promises';

const WINDOW_BYTES = 64 * 1024;

/**
 * A file read at any place through one window, so that looking at containers costs memory and calls that do not grow
 * with the file.
 */
export class ByteSource {
  readonly size: number;
  readonly #file: FileHandle;
  #window = Buffer.alloc(0);
  #windowStart = 0;

  private constructor(file: FileHandle, size: number) {
    this.#file = file;
    this.size = size;
  }

  static async open(path: string): Promise<ByteSource> {
    const file = await open(path, 'r');
    return new ByteSource(file, (await file.stat()).size);
  }

  async close(): Promise<void> {
    await this.#file.close();
  }

  /** `length` bytes from `offset`, fewer where the file ends. Valid until the next read. */
  async read(offset: number, length: number): Promise<Buffer> {
    if (!this.#holds(offset, length)) await this.#fill(offset, Math.max(length, WINDOW_BYTES));
    return this.#window.subarray(offset - this.#windowStart, offset - this.#windowStart + length);
  }

  /** The byte at `offset` without a wait, or undefined when it is not in the window or past the end. */
  peek(offset: number): number | undefined {
    return this.#window[offset - this.#windowStart];
  }

  /** The unsigned byte at `offset`, or undefined past the end. */
  async byte(offset: number): Promise<number | undefined> {
    return this.peek(offset) ?? (await this.read(offset, 1))[0];
  }

  /** Where `needle` begins for the last time at or after `from`, or -1. Reads backwards from the end. */
  async lastIndexOf(needle: Buffer, from: number): Promise<number> {
    for (let end = this.size; end > from; end -= WINDOW_BYTES) {
      const start = Math.max(from, end - WINDOW_BYTES);
      const found = (await this.read(start, end - start + needle.length - 1)).lastIndexOf(needle);
      if (found >= 0) return start + found;
    }
    return -1;
  }

  #holds(offset: number, length: number): boolean {
    const end = Math.min(offset + length, this.size);
    return offset >= this.#windowStart && end <= this.#windowStart + this.#window.length;
  }

  async #fill(offset: number, length: number): Promise<void> {
    const window = Buffer.allocUnsafe(Math.max(0, Math.min(length, this.size - offset)));
    const { bytesRead } = await this.#file.read(window, 0, window.length, offset);
    this.#window = window.subarray(0, bytesRead);
    this.#windowStart = offset;
  }
}
