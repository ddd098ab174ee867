import { type FileHandle, open } from 'node:fs/promises';
import { Readable } from 'node:stream';
import { invariant } from '../core/invariant.ts';

/** POSIX ustar (IEEE Std 1003.1, pax): headers and bodies in blocks of 512 bytes; any tar reads it. */
const BLOCK_BYTES = 512;
const NAME_BYTES_MAX = 100;
const CHUNK_BYTES = 256 * 1024;
/** Eleven octal digits. */
const SIZE_MAX = 8 ** 11 - 1;
const CHECKSUM_AT = 148;
const CHECKSUM_BYTES = 8;

/** The archive is not as it was written; the message names the place. */
export class ArchiveDamagedError extends Error {
  override readonly name = 'ArchiveDamagedError';
}

export interface TarEntry {
  readonly name: string;
  readonly bytes: number;
  /** From its first byte to its last. */
  stream(): Readable;
}

/** Writes one entry after another to a file that must not exist. */
export class TarWriter {
  readonly #file: FileHandle;
  readonly #mtimeSeconds: number;

  private constructor(file: FileHandle, mtimeSeconds: number) {
    this.#file = file;
    this.#mtimeSeconds = mtimeSeconds;
  }

  static async create(path: string, nowMs: number): Promise<TarWriter> {
    return new TarWriter(await open(path, 'wx', 0o600), Math.floor(nowMs / 1000));
  }

  /** @throws ArchiveDamagedError when the body has another length than was said. */
  async add(name: string, bytes: number, body: AsyncIterable<Uint8Array> | Iterable<Uint8Array>): Promise<void> {
    await this.#file.write(headerOf(name, bytes, this.#mtimeSeconds));
    let written = 0;
    for await (const chunk of body) {
      await this.#file.writeFile(chunk);
      written += chunk.length;
    }
    if (written !== bytes) throw new ArchiveDamagedError(`${name} has ${written} bytes instead of ${bytes}`);
    await this.#file.write(Buffer.alloc(paddingOf(bytes)));
  }

  /** Two empty blocks end an archive. */
  async end(): Promise<void> {
    await this.#file.write(Buffer.alloc(2 * BLOCK_BYTES));
    await this.#file.sync();
    await this.#file.close();
  }

  async abandon(): Promise<void> {
    await this.#file.close().catch(() => undefined);
  }
}

/** Reads the entries of an archive, in their order; a body only if it is asked for. */
export async function* readTar(file: FileHandle): AsyncGenerator<TarEntry> {
  const { size } = await file.stat();
  let last = 'its beginning';
  for (let at = 0; ; ) {
    const block = Buffer.alloc(BLOCK_BYTES);
    const { bytesRead } = await file.read(block, 0, BLOCK_BYTES, at);
    if (bytesRead < BLOCK_BYTES) throw new ArchiveDamagedError(`the archive ends behind ${last}, before its end`);
    if (block.every((byte) => byte === 0)) return;
    const { name, bytes } = readHeader(block, last);
    const first = at + BLOCK_BYTES;
    if (first + bytes > size) throw new ArchiveDamagedError(`the archive ends in the middle of ${name}`);
    yield { name, bytes, stream: () => Readable.from(chunksOf(file, first, bytes), { objectMode: false }) };
    last = name;
    at = first + bytes + paddingOf(bytes);
  }
}

/** Not the handle's own streams: each would listen to it until it closes, and an archive has a million entries. */
async function* chunksOf(file: FileHandle, first: number, bytes: number): AsyncGenerator<Buffer> {
  for (let at = first; at < first + bytes; ) {
    const chunk = Buffer.alloc(Math.min(CHUNK_BYTES, first + bytes - at));
    const { bytesRead } = await file.read(chunk, 0, chunk.length, at);
    if (bytesRead === 0) throw new ArchiveDamagedError('the archive became shorter while it was read');
    yield chunk.subarray(0, bytesRead);
    at += bytesRead;
  }
}

function headerOf(name: string, bytes: number, mtimeSeconds: number): Buffer {
  invariant(Buffer.byteLength(name) <= NAME_BYTES_MAX, `${name} is too long for an entry of an archive`);
  invariant(bytes <= SIZE_MAX, `${name} has ${bytes} bytes; an entry of an archive has at most ${SIZE_MAX}`);
  const block = Buffer.alloc(BLOCK_BYTES);
  const fields: readonly (readonly [number, string])[] = [
    [0, name],
    [100, '0000600\0'],
    [108, '0000000\0'],
    [116, '0000000\0'],
    [124, `${bytes.toString(8).padStart(11, '0')}\0`],
    [136, `${mtimeSeconds.toString(8).padStart(11, '0')}\0`],
    [156, '0'],
    [257, 'ustar\x0000'],
  ];
  for (const [at, text] of fields) block.write(text, at, 'latin1');
  block.write(`${checksumOf(block).toString(8).padStart(6, '0')}\0 `, CHECKSUM_AT, 'latin1');
  return block;
}

function readHeader(block: Buffer, last: string): { readonly name: string; readonly bytes: number } {
  const text = (at: number, length: number) => block.toString('latin1', at, at + length).replace(/\0.*$/s, '');
  const isSound =
    text(257, 5) === 'ustar' &&
    Number.parseInt(text(CHECKSUM_AT, CHECKSUM_BYTES), 8) === checksumOf(block) &&
    /^[0-7]{11}$/.test(text(124, 12)) &&
    text(156, 1) === '0';
  if (!isSound) throw new ArchiveDamagedError(`what stands behind ${last} is no entry of an archive`);
  return { name: text(0, NAME_BYTES_MAX), bytes: Number.parseInt(text(124, 12), 8) };
}

/** The sum of all bytes, those of the sum itself taken for spaces. */
function checksumOf(block: Buffer): number {
  let sum = 32 * CHECKSUM_BYTES;
  for (const [at, byte] of block.entries()) {
    if (at < CHECKSUM_AT || at >= CHECKSUM_AT + CHECKSUM_BYTES) sum += byte;
  }
  return sum;
}

function paddingOf(bytes: number): number {
  return (BLOCK_BYTES - (bytes % BLOCK_BYTES)) % BLOCK_BYTES;
}
