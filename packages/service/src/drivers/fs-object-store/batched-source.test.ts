import { execFileSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { closeSync, constants, openSync, readSync } from 'node:fs';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { BatchedSource } from './batched-source.ts';
import { isErrno } from './file-calls.ts';

const MIB = 1024 * 1024;
/** What Linux keeps in a pipe that nobody reads. */
const PIPE_BYTES = 64 * 1024;

describe('a source that is faster than its file', () => {
  let folder: string;
  let reading: number;
  let writing: number;
  beforeEach(async () => {
    folder = await mkdtemp(join(tmpdir(), 'safelight-pipe-'));
    execFileSync('mkfifo', [join(folder, 'pipe')]);
    reading = openSync(join(folder, 'pipe'), constants.O_RDONLY | constants.O_NONBLOCK);
    writing = openSync(join(folder, 'pipe'), constants.O_WRONLY);
  });
  afterEach(async () => {
    // The reading end first: a write that still waits for room ends with EPIPE.
    closeSync(reading);
    closeSync(writing);
    await rm(folder, { recursive: true });
  });

  it.each([
    ['64 KiB', 64 * 1024, 32 * MIB, MIB + 128 * 1024],
    ['one byte', 1, 200_000, 1_100],
  ])('is held back: of chunks of %s only two batches wait in memory', async (_, chunkBytes, bytes, heldMax) => {
    let offered = 0;
    const chunk = Buffer.alloc(chunkBytes, 7);
    const source = new Readable({
      highWaterMark: chunkBytes,
      read() {
        if (offered === bytes) this.push(null);
        else {
          offered += chunkBytes;
          this.push(chunk);
        }
      },
    });
    const written = new BatchedSource(source, { bytesMax: bytes }).writeTo(writing);
    await expect.poll(() => offered > PIPE_BYTES && source.isPaused()).toBe(true);
    expect(offered).toBeLessThan(heldMax + PIPE_BYTES);
    let received = 0;
    const drained = drain(reading, bytes, (count) => {
      received += count;
      expect(offered - received).toBeLessThan(heldMax + PIPE_BYTES);
    });
    const [digest] = await Promise.all([written, drained]);
    expect(digest.bytes).toBe(bytes);
    expect(Buffer.from(digest.sha256)).toEqual(createHash('sha256').update(Buffer.alloc(bytes, 7)).digest());
  });
});

describe('chunks', () => {
  let folder: string;
  beforeEach(async () => {
    folder = await mkdtemp(join(tmpdir(), 'safelight-chunks-'));
  });
  afterEach(() => rm(folder, { recursive: true }));

  const write = async (chunks: readonly Uint8Array[], ownsChunks: boolean) => {
    const fd = openSync(join(folder, 'file'), 'w');
    try {
      return await new BatchedSource(Readable.from(chunks), { bytesMax: MIB, ownsChunks }).writeTo(fd);
    } finally {
      closeSync(fd);
    }
  };

  it('that are the store’s own are freed once they are written, parts of a shared buffer never', async () => {
    const whole = new Uint8Array(70_000).fill(1);
    const shared = new Uint8Array(70_000).fill(2);
    const digest = await write([whole, shared.subarray(0, 100), shared.subarray(100)], true);
    expect([whole.byteLength, shared.byteLength]).toEqual([0, 70_000]);
    const written = await readFile(join(folder, 'file'));
    expect(written.equals(Buffer.concat([Buffer.alloc(70_000, 1), shared]))).toBe(true);
    expect(createHash('sha256').update(written).digest().equals(digest.sha256)).toBe(true);
  });

  it('of anybody else stay as they are', async () => {
    const theirs = new Uint8Array(70_000).fill(1);
    await write([theirs], false);
    expect(theirs.byteLength).toBe(70_000);
  });
});

/** Reads `bytes` from a pipe that does not block, telling of each portion. */
async function drain(pipe: number, bytes: number, tell: (count: number) => void): Promise<void> {
  const buffer = Buffer.alloc(PIPE_BYTES);
  for (let left = bytes; left > 0; ) {
    const count = readNow(pipe, buffer);
    if (count > 0) tell(count);
    left -= count;
    await new Promise((resolve) => setImmediate(resolve));
  }
}

function readNow(pipe: number, into: Uint8Array): number {
  try {
    return readSync(pipe, into);
  } catch (error) {
    if (isErrno(error, 'EAGAIN')) return 0;
    throw error;
  }
}
