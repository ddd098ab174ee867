import { createHash } from 'node:crypto';
import { type FileHandle, open } from 'node:fs/promises';

export interface FileDigest {
  readonly bytes: number;
  /** 32 bytes. */
  readonly sha256: Buffer;
}

/** What is read at once. */
const CHUNK_BYTES = 1024 * 1024;

/**
 * Copies a file into a fresh one (0600) and fsyncs it; one that is written to meanwhile is copied as far as it goes.
 * @returns what was copied, or undefined when there is no such file (any more).
 */
export async function copyDurably(from: string, to: string, mode?: number): Promise<FileDigest | undefined> {
  const source = await openUnlessGone(from);
  return source && storeDurably(source.createReadStream({ highWaterMark: CHUNK_BYTES }), to, mode);
}

/** Writes what a stream yields into a fresh file and fsyncs it. */
export async function storeDurably(chunks: AsyncIterable<Uint8Array>, to: string, mode = 0o600): Promise<FileDigest> {
  const target = await open(to, 'wx', mode);
  try {
    const digest = await digestOf(chunks, (chunk) => target.writeFile(chunk));
    await target.sync();
    return digest;
  } finally {
    await target.close();
  }
}

/** Length and SHA-256 of a file, or undefined when there is none. */
export async function hashFile(path: string): Promise<FileDigest | undefined> {
  const source = await openUnlessGone(path);
  return source && digestOf(source.createReadStream({ highWaterMark: CHUNK_BYTES }), async () => undefined);
}

async function openUnlessGone(path: string): Promise<FileHandle | undefined> {
  try {
    return await open(path, 'r');
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
    throw error;
  }
}

async function digestOf(
  chunks: AsyncIterable<Uint8Array>,
  take: (chunk: Uint8Array) => Promise<void>,
): Promise<FileDigest> {
  const hash = createHash('sha256');
  let bytes = 0;
  for await (const chunk of chunks) {
    hash.update(chunk);
    await take(chunk);
    bytes += chunk.byteLength;
  }
  return { bytes, sha256: hash.digest() };
}
