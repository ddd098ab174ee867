import { randomBytes } from 'node:crypto';
import { mkdtemp, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import { buffer } from 'node:stream/consumers';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { systemClock } from '../core/clock.ts';
import { InvariantError } from '../core/invariant.ts';
import { ObjectExistsError, ObjectMissingError, type ObjectStore } from './object-store.ts';
import { specifyPresigned } from './object-store-presigned.contract.ts';
import { bytesOf, freshKey, keysBelow, MIB, type Store } from './object-store-samples.contract.ts';
import { specifyBounds, specifyFailingSources, specifyPutStream } from './object-store-streams.contract.ts';

/** A store of the driver under test, empty and its own; `close` removes it. */
export interface StoreUnderTest {
  readonly store: ObjectStore;
  readonly close: () => Promise<void>;
}

/** What every driver of the object-store port must do. Optional parts are skipped, with the reason, where absent. */
export function describeObjectStore(name: string, make: () => Promise<StoreUnderTest>): void {
  describe(`object store: ${name}`, () => {
    let made: StoreUnderTest;
    beforeAll(async () => {
      made = await make();
    });
    afterAll(async () => {
      await made.close();
    });
    const store: Store = () => made.store;
    describe('put', () => specifyPut(store));
    describe('putStream', () => specifyPutStream(store));
    describe('putStream over its bounds', () => specifyBounds(store));
    describe('putStream from a failing source', () => specifyFailingSources(store));
    describe('read', () => specifyRead(store));
    describe('stat and remove', () => specifyStatAndRemove(store));
    describe('list', () => specifyList(store));
    describe('link', () => specifyLink(store));
    describe('signed URLs', () => specifyPresigned(store));
    describe('upkeep', () => specifyUpkeep(store));
  });
}

function specifyPut(store: Store): void {
  it.each([0, 1, 30_000, 3 * MIB + 1])('gives back the %i bytes that were put', async (bytes) => {
    const key = freshKey();
    const body = randomBytes(bytes);
    await store().put(key, body, { contentType: 'image/jpeg' });
    expect((await bytesOf(store(), key)).equals(body)).toBe(true);
  });

  it('stores a view of a larger buffer as the view alone', async () => {
    const key = freshKey();
    await store().put(key, Buffer.from('0123456789').subarray(2, 5));
    expect((await bytesOf(store(), key)).toString()).toBe('234');
  });

  it('refuses a key that is taken and leaves the first object as it was', async () => {
    const key = freshKey();
    await store().put(key, Buffer.from('first'));
    await expect(store().put(key, Buffer.from('second'))).rejects.toThrow(ObjectExistsError);
    expect((await bytesOf(store(), key)).toString()).toBe('first');
  });

  it('lets one of twenty concurrent writers of a key win, and keeps the bytes of the winner', async () => {
    const key = freshKey();
    const bodies = Array.from({ length: 20 }, (_, index) => Buffer.alloc(10_000, index));
    const outcomes = await Promise.allSettled(bodies.map((body) => store().put(key, body)));
    const winners = bodies.filter((_, index) => outcomes[index]?.status === 'fulfilled');
    expect(winners).toHaveLength(1);
    for (const outcome of outcomes) {
      if (outcome.status === 'rejected') expect(outcome.reason).toBeInstanceOf(ObjectExistsError);
    }
    expect((await bytesOf(store(), key)).equals(winners[0] ?? Buffer.alloc(0))).toBe(true);
  });

  it('keeps many objects written at once apart', async () => {
    const objects = Array.from({ length: 100 }, () => ({ key: freshKey('many'), body: randomBytes(500) }));
    await Promise.all(objects.map(({ key, body }) => store().put(key, body)));
    for (const { key, body } of objects) expect((await bytesOf(store(), key)).equals(body)).toBe(true);
  });

  it.each([
    '',
    'ten_contract',
    '/etc/passwd',
    'ten_contract/../../escaped',
    'ten_contract/original/..',
    'ten_contract/original/',
    'ten_contract//original',
    'ten_contract/original/.hidden',
    'ten_contract/original/A',
    'ten_contract/original/a\0b',
    'ten_contract/+0/x',
    `ten_contract/original/${'a'.repeat(200)}`,
  ])('refuses the key %j in every method', async (key) => {
    await expect(store().put(key, Buffer.from('x'))).rejects.toThrow(InvariantError);
    await expect(store().putStream(key, Readable.from([]), { bytesMax: 1 })).rejects.toThrow(InvariantError);
    await expect(store().read(key)).rejects.toThrow(InvariantError);
    await expect(store().stat(key)).rejects.toThrow(InvariantError);
    await expect(store().remove([key])).rejects.toThrow(InvariantError);
    await expect(store().link?.(key, join(tmpdir(), 'never')) ?? store().read(key)).rejects.toThrow(InvariantError);
  });
}

function specifyRead(store: Store): void {
  const body = randomBytes(2 * MIB + 17);
  const key = freshKey('read');
  beforeAll(async () => {
    await store().put(key, body);
  });

  it.each([
    [0, 0],
    [0, body.length - 1],
    [1, 10],
    [262_143, 262_144],
    [100_000, 900_000],
    [body.length - 1, body.length - 1],
    [body.length - 300_000, body.length - 1],
  ])('gives the bytes %i to %i, both included', async (first, last) => {
    const range = await store().read(key, { first, last });
    expect(range.bytes).toBe(last - first + 1);
    expect((await buffer(range.stream)).equals(body.subarray(first, last + 1))).toBe(true);
  });

  it.each([
    [0, body.length],
    [-1, 1],
    [5, 4],
    [0.5, 2],
  ])('refuses the range %d to %d as a mistake of the caller', async (first, last) => {
    await expect(store().read(key, { first, last })).rejects.toThrow(InvariantError);
  });

  it('tells the length before the bytes', async () => {
    const whole = await store().read(key);
    expect(whole.bytes).toBe(body.length);
    expect((await buffer(whole.stream)).equals(body)).toBe(true);
  });

  it('says that an object is missing', async () => {
    await expect(store().read(freshKey())).rejects.toThrow(ObjectMissingError);
  });

  it('can be given up half-way', async () => {
    const { stream } = await store().read(key);
    await new Promise((resolve) => stream.once('data', resolve));
    stream.destroy();
    await new Promise((resolve) => stream.once('close', resolve));
    expect(stream.errored).toBeNull();
  });

  it.each([1_000, 5 * MIB])('goes on for a reader whose object of %i bytes is removed meanwhile', async (bytes) => {
    const removed = freshKey();
    const lost = randomBytes(bytes);
    await store().put(removed, lost);
    const { stream } = await store().read(removed);
    await store().remove([removed]);
    expect((await buffer(stream)).equals(lost)).toBe(true);
    await expect(store().read(removed)).rejects.toThrow(ObjectMissingError);
  });
}

function specifyStatAndRemove(store: Store): void {
  it('tells length and time of an object, and undefined of none', async () => {
    const key = freshKey();
    await store().put(key, Buffer.alloc(1234));
    const found = await store().stat(key);
    expect(found?.bytes).toBe(1234);
    expect(Number.isInteger(found?.changedAtMs)).toBe(true);
    expect(Math.abs(systemClock.now() - (found?.changedAtMs ?? 0))).toBeLessThan(60_000);
    expect(await store().stat(freshKey())).toBeUndefined();
  });

  it('removes what is named, nothing else, and is content with what is gone', async () => {
    const keys = Array.from({ length: 40 }, () => freshKey('removed'));
    const spared = freshKey('removed');
    await Promise.all([...keys, spared].map((key) => store().put(key, Buffer.from(key))));
    await store().remove([...keys, freshKey('removed'), freshKey('never', 'ten_unknown')]);
    await store().remove(keys);
    await store().remove([]);
    expect(await keysBelow(store(), 'ten_contract/removed/')).toEqual([spared]);
  });

  it('frees a removed key', async () => {
    const key = freshKey();
    await store().put(key, Buffer.from('one'));
    await store().remove([key]);
    await store().put(key, Buffer.from('two'));
    expect((await bytesOf(store(), key)).toString()).toBe('two');
  });
}

function specifyList(store: Store): void {
  const tenants = ['ten_list', 'ten_list2'];
  const keys = tenants.flatMap((tenant) =>
    ['original', 'original2'].flatMap((kind) => Array.from({ length: 70 }, () => freshKey(kind, tenant))),
  );
  beforeAll(async () => {
    await Promise.all(keys.map((key) => store().put(key, Buffer.alloc(key.length))));
  });

  it.each(['ten_list', 'ten_list/', 'ten_list2/original/', 'ten_list/original2', 'ten_list/original/obj_', 'ten_x'])(
    'finds each object whose key begins with %j, once',
    async (prefix) => {
      expect(await keysBelow(store(), prefix)).toEqual(keys.filter((key) => key.startsWith(prefix)).sort());
    },
  );

  it('finds one object by its whole key, and all by none', async () => {
    const key = keys[3] ?? '';
    expect(await keysBelow(store(), key)).toEqual([key]);
    expect(await keysBelow(store(), '')).toEqual(expect.arrayContaining(keys));
  });

  it('tells length and time of each', async () => {
    for await (const found of store().list('ten_list/')) {
      expect(found.bytes).toBe(found.key.length);
      expect(await store().stat(found.key)).toEqual({ bytes: found.bytes, changedAtMs: found.changedAtMs });
    }
  });

  it.each(['../', '/', '.', 'ten_list/../', 'ten_list//', 'TEN', '+0'])('refuses the prefix %j', async (prefix) => {
    await expect(keysBelow(store(), prefix)).rejects.toThrow(InvariantError);
  });

  it('bears removals while it runs', async () => {
    const doomed = Array.from({ length: 200 }, () => freshKey('original', 'ten_doomed'));
    await Promise.all(doomed.map((key) => store().put(key, Buffer.from('x'))));
    const seen: string[] = [];
    for await (const { key } of store().list('ten_doomed/')) {
      if (seen.length === 0) await store().remove(doomed);
      seen.push(key);
    }
    expect(doomed).toEqual(expect.arrayContaining(seen));
    expect(await keysBelow(store(), 'ten_doomed/')).toEqual([]);
  });
}

function specifyLink(store: Store): void {
  it('makes an object a local file that nobody may write', async (context) => {
    const linking = store();
    if (linking.link === undefined) return context.skip('the driver has no link: its bytes are not local');
    const folder = await mkdtemp(join(tmpdir(), 'safelight-link-'));
    try {
      const key = freshKey();
      const path = join(folder, 'input');
      await linking.put(key, Buffer.from('linked'));
      await linking.link(key, path);
      expect(await readFile(path, 'utf8')).toBe('linked');
      expect((await stat(path)).mode & 0o777).toBe(0o444);
      await linking.remove([key]);
      expect(await readFile(path, 'utf8')).toBe('linked');
      await expect(linking.link(key, join(folder, 'missing'))).rejects.toThrow(ObjectMissingError);
      await linking.put(key, Buffer.from('again'));
      await writeFile(join(folder, 'taken'), 'mine');
      await expect(linking.link(key, join(folder, 'taken'))).rejects.toMatchObject({ code: 'EEXIST' });
      expect(await readFile(join(folder, 'taken'), 'utf8')).toBe('mine');
    } finally {
      await rm(folder, { recursive: true });
    }
  });
}

function specifyUpkeep(store: Store): void {
  it('answers that it works', async () => {
    await store().check();
    expect((await keysBelow(store(), '')).filter((key) => !key.startsWith('ten_'))).toEqual([]);
  });

  it('spares a running write when it sweeps unfinished ones', async (context) => {
    const sweeping = store();
    if (sweeping.sweepUnfinished === undefined) return context.skip('the driver leaves nothing unfinished behind');
    const key = freshKey();
    const source = new Readable({ read() {} });
    const written = sweeping.putStream(key, source, { bytesMax: MIB });
    source.push(randomBytes(500_000));
    expect(await sweeping.sweepUnfinished(60_000)).toBe(0);
    source.push(null);
    expect((await written).bytes).toBe(500_000);
  });
}
