import { execFileSync } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { mkdtemp, readdir, readFile, rm, stat } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import { buffer } from 'node:stream/consumers';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { type ObjectStore, OutOfSpaceError } from '../../ports/object-store.ts';
import { openFsObjectStore } from './index.ts';

const MIB = 1024 * 1024;
/** Files, folders and the root: few enough to run out of. */
const INODES = 40;

const folder = await mkdtemp(join(tmpdir(), 'safelight-small-disk-'));
const whyNot = tryMount();

/** A file system of 2 MiB of its own; the reason when this machine does not permit one. */
function tryMount(): string | undefined {
  try {
    const size = `size=${2 * MIB},nr_inodes=${INODES}`;
    execFileSync('mount', ['-t', 'tmpfs', '-o', size, 'tmpfs', folder], { stdio: 'pipe' });
    return undefined;
  } catch (error) {
    return `no file system of its own to fill: ${error instanceof Error ? error.message : error}`;
  }
}

afterAll(async () => {
  if (whyNot === undefined) execFileSync('umount', [folder]);
  await rm(folder, { recursive: true });
});

describe('an object store on a small disk', () => {
  let store: ObjectStore;
  let turn = 0;
  const key = (name: string) => `ten_a/original/${name}_${turn}`;

  beforeAll(async () => {
    if (whyNot === undefined) store = await openFsObjectStore({ directory: folder });
  });
  beforeEach(async (context) => {
    if (whyNot !== undefined) return context.skip(whyNot);
    turn += 1;
    for await (const found of store.list('')) await store.remove([found.key]);
  });

  async function expectRoomAgain(): Promise<void> {
    expect(await readdir(join(folder, 'staging'))).toEqual([]);
    const keys: string[] = [];
    for await (const found of store.list('')) keys.push(found.key);
    expect(keys).toEqual([]);
    await store.put(key('small'), randomBytes(30_000));
    expect((await store.read(key('small'))).bytes).toBe(30_000);
  }

  it('tells a stream that found no room so, leaves nothing, and takes the next small object', async () => {
    const source = Readable.from([...Array(64)].map(() => randomBytes(64 * 1024)));
    const written = store.putStream(key('big'), source, { bytesMax: 64 * MIB });
    await expect(written).rejects.toThrow(OutOfSpaceError);
    expect(source.destroyed).toBe(false);
    expect(source.isPaused()).toBe(true);
    expect(source.listenerCount('data')).toBe(0);
    expect(await store.stat(key('big'))).toBeUndefined();
    await expectRoomAgain();
  });

  it('tells a put that found no room so, leaves nothing, and takes the next small object', async () => {
    await expect(store.put(key('big'), randomBytes(3 * MIB))).rejects.toThrow(OutOfSpaceError);
    await expectRoomAgain();
  });

  it('tells so when the disk has bytes but no more names', async () => {
    const puts = Array.from({ length: INODES }, (_, index) => store.put(key(`n${index}`), Buffer.from('x')));
    const failed = (await Promise.allSettled(puts)).filter((put) => put.status === 'rejected');
    expect(failed.length).toBeGreaterThan(0);
    for (const { reason } of failed) expect(reason).toBeInstanceOf(OutOfSpaceError);
    expect(await readdir(join(folder, 'staging'))).toEqual([]);
  });

  it('opens, reads and removes on a full disk, and only its check complains', async () => {
    await fill();
    const reopened = await openFsObjectStore({ directory: folder });
    await expect(reopened.check()).rejects.toThrow(folder);
    const keys: string[] = [];
    for await (const found of reopened.list('')) keys.push(found.key);
    for (const each of keys) await buffer((await reopened.read(each)).stream);
    await reopened.remove(keys);
    await reopened.check();
    await expectRoomAgain();
  });

  it('links an object to another file system by copying it, read-only', async () => {
    const elsewhere = await mkdtemp(join(tmpdir(), 'safelight-elsewhere-'));
    try {
      await store.put(key('linked'), Buffer.from('copied'));
      await store.link?.(key('linked'), join(elsewhere, 'copy'));
      expect(await readFile(join(elsewhere, 'copy'), 'utf8')).toBe('copied');
      expect((await stat(join(elsewhere, 'copy'))).mode & 0o777).toBe(0o444);
    } finally {
      await rm(elsewhere, { recursive: true });
    }
  });

  /** To the last page. */
  async function fill(): Promise<void> {
    let bytes = MIB;
    for (let index = 0; bytes >= 4096; index += 1) {
      try {
        await store.put(key(`fill${index}`), randomBytes(bytes));
      } catch (error) {
        expect(error).toBeInstanceOf(OutOfSpaceError);
        bytes /= 2;
      }
    }
  }
});
