import { execFileSync } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { mkdir, mkdtemp, readdir, readFile, readlink, rm, stat, utimes, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import { buffer } from 'node:stream/consumers';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { systemClock } from '../../core/clock.ts';
import { newId } from '../../core/ids.ts';
import { describeObjectStore } from '../../ports/object-store.contract.ts';
import { ObjectExistsError, type ObjectStore } from '../../ports/object-store.ts';
import { openFsObjectStore } from './index.ts';

const HOUR_MS = 3_600_000;

describeObjectStore('files', async () => {
  const directory = await mkdtemp(join(tmpdir(), 'safelight-objects-'));
  const store = await openFsObjectStore({ directory });
  return { store, close: () => rm(directory, { recursive: true }) };
});

describe('the folder of an object store', () => {
  let directory: string;
  let store: ObjectStore;
  const id = newId('object', systemClock);
  const key = `ten_a/original/${id}`;
  const fileOf = (root: string) => join(root, 'objects', 'ten_a', 'original', `+${id.at(-1)}`, id);

  beforeEach(async () => {
    directory = join(await mkdtemp(join(tmpdir(), 'safelight-objects-')), 'not', 'yet');
    store = await openFsObjectStore({ directory });
  });
  afterEach(async () => {
    await rm(join(directory, '..', '..'), { recursive: true });
  });

  it('is made with its parents, for its owner alone', async () => {
    await store.put(key, Buffer.from('x'));
    for (const folder of ['.', 'objects', 'staging', 'objects/ten_a/original', join(fileOf(''), '..')]) {
      expect((await stat(join(directory, folder))).mode & 0o777).toBe(0o700);
    }
  });

  it('holds each object read-only under its tenant, kind and the last character of its id', async () => {
    await store.put(key, Buffer.from('here'));
    expect(await readFile(fileOf(directory), 'utf8')).toBe('here');
    const { mode, nlink } = await stat(fileOf(directory));
    expect([mode & 0o777, nlink]).toEqual([0o444, 1]);
    expect(await readdir(join(directory, 'staging'))).toEqual([]);
  });

  it('keeps nothing in staging after a write that failed, and no descriptor after any', async () => {
    await store.put(key, randomBytes(1_000_000));
    await expect(store.put(key, Buffer.from('x'))).rejects.toThrow(ObjectExistsError);
    const source = Readable.from([randomBytes(2_000_000)]);
    await expect(store.putStream(`${key}2`, source, { bytesMax: 1_000_000 })).rejects.toThrow('exceeds');
    await expect(store.read(key, { first: 5, last: 2_000_000 })).rejects.toThrow('not within');
    await buffer((await store.read(key)).stream);
    const { stream } = await store.read(key);
    stream.destroy();
    await new Promise((resolve) => stream.once('close', resolve));
    expect(await readdir(join(directory, 'staging'))).toEqual([]);
    await expect.poll(() => openDescriptors(directory)).toEqual([]);
  });

  it('is listed whole when one fan-out folder holds hundreds', async () => {
    const keys = Array.from({ length: 200 }, (_, index) => `ten_a/original/${1000 + index}_0`);
    await Promise.all(keys.map((each) => store.put(each, Buffer.from('x'))));
    const listed: string[] = [];
    for await (const found of store.list('ten_a/')) listed.push(found.key);
    expect(listed.sort()).toEqual(keys);
  });

  it('can be shared by two processes: one key, one winner', async () => {
    const stores = [store, await openFsObjectStore({ directory })];
    for (let round = 0; round < 20; round += 1) {
      const contested = `${key}${round}`;
      const puts = await Promise.allSettled(stores.map((each, index) => each.put(contested, Buffer.from([index]))));
      expect(puts.map((put) => put.status).sort()).toEqual(['fulfilled', 'rejected']);
      const winner = puts.findIndex((put) => put.status === 'fulfilled');
      expect((await buffer((await store.read(contested)).stream))[0]).toBe(winner);
    }
  });

  it('makes folders again that somebody removed', async () => {
    await store.put(key, Buffer.from('one'));
    await rm(join(directory, 'objects', 'ten_a'), { recursive: true });
    await store.put(key, Buffer.from('two'));
    expect(await readFile(fileOf(directory), 'utf8')).toBe('two');
  });

  it('ends the stream of a file that was cut short with an error, not as if it were whole', async () => {
    await store.put(key, randomBytes(2_000_000));
    const { stream } = await store.read(key);
    execFileSync('truncate', ['--size', '1000000', fileOf(directory)]);
    await expect(buffer(stream)).rejects.toThrow('1000000 bytes early');
  });

  it('is named when it cannot be used', async () => {
    const file = join(directory, 'a-file');
    await writeFile(file, '');
    await expect(openFsObjectStore({ directory: file })).rejects.toThrow(file);
    await rm(join(directory, 'staging'), { recursive: true });
    await expect(store.check()).rejects.toThrow(directory);
    await mkdir(join(directory, 'staging'));
    await store.check();
    expect(await readdir(join(directory, 'staging'))).toEqual([]);
  });

  it('is swept of staging files that stand still, past or future, and of no others', async () => {
    const now = Date.now();
    const ages = { stale: now - 2 * HOUR_MS, fresh: now - HOUR_MS / 2, future: now + 2 * HOUR_MS };
    for (const [name, at] of Object.entries(ages)) {
      const path = join(directory, 'staging', name);
      await writeFile(path, 'half');
      await utimes(path, at / 1000, at / 1000);
    }
    const source = new Readable({ read() {} });
    const written = store.putStream(key, source, { bytesMax: 10 });
    await expect.poll(() => readdir(join(directory, 'staging'))).toHaveLength(4);
    const later = await openFsObjectStore({ directory, clock: { ...systemClock, now: () => now } });
    expect(await later.sweepUnfinished?.(HOUR_MS)).toBe(2);
    source.push(null);
    await written;
    expect(await readdir(join(directory, 'staging'))).toEqual(['fresh']);
  });

  it('spares its own running writes even when the clock jumps ahead', async () => {
    const jumped = await openFsObjectStore({
      directory,
      clock: { ...systemClock, now: () => Date.now() + 24 * HOUR_MS },
    });
    const source = new Readable({ read() {} });
    const written = jumped.putStream(key, source, { bytesMax: 10 });
    await expect.poll(() => readdir(join(directory, 'staging'))).toHaveLength(1);
    expect(await jumped.sweepUnfinished?.(HOUR_MS)).toBe(0);
    source.push(null);
    await written;
  });

  it('holds files that others may read even under the umask 077', async () => {
    const script = `process.umask(0o077);
      const { openFsObjectStore } = await import(${JSON.stringify(new URL('./index.ts', import.meta.url).href)});
      const store = await openFsObjectStore({ directory: ${JSON.stringify(directory)} });
      await store.put(${JSON.stringify(key)}, Buffer.from('x'));`;
    execFileSync(process.execPath, ['--input-type=module', '--eval', script], { stdio: 'inherit' });
    expect((await stat(fileOf(directory))).mode & 0o777).toBe(0o444);
  });
});

/** This process's descriptors on files below `directory`; a stream closes its own a moment after its end. */
async function openDescriptors(directory: string): Promise<string[]> {
  if (process.platform !== 'linux') return [];
  const names = await readdir('/proc/self/fd');
  const paths = await Promise.all(names.map((name) => readlink(`/proc/self/fd/${name}`).catch(() => '')));
  return paths.filter((path) => path.startsWith(directory));
}
