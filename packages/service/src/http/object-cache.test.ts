import { randomBytes } from 'node:crypto';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { openFsObjectStore } from '../drivers/fs-object-store/index.ts';
import type { ObjectStore } from '../ports/object-store.ts';
import type { Deliverable } from './deliverable.ts';
import { ObjectCache } from './object-cache.ts';

const KILOBYTE = 1024;
let directory: string;
let store: ObjectStore;
/** Reads that reached the store. */
let reads: string[];
/** What was stored here a moment ago. */
let fresh: Map<string, Buffer>;
let cache: ObjectCache;
let next = 0;

beforeAll(async () => {
  directory = await mkdtemp(join(tmpdir(), 'safelight-object-cache-'));
  store = await openFsObjectStore({ directory });
});
afterAll(() => rm(directory, { recursive: true }));
beforeEach(() => {
  reads = [];
  fresh = new Map();
  cache = cacheOf(10);
});

/** A cache with room for `count` objects of a kilobyte. */
function cacheOf(count: number): ObjectCache {
  const counting = {
    read: (key: string) => {
      reads.push(key);
      return store.read(key);
    },
  };
  return new ObjectCache(counting, count * 2 * KILOBYTE, (objectKey) => fresh.get(objectKey));
}

async function put(bytes: number, imageId = 'img_a', tenantId = 'ten_a'): Promise<Deliverable & { body: Buffer }> {
  next += 1;
  const objectKey = `ten_a/rendition/${next}`;
  const body = randomBytes(bytes);
  await store.put(objectKey, body);
  const sha256 = new Uint8Array(32);
  const rest = { sha256, bytes, format: 'jpeg', filename: undefined, isUploaded: false, isPrivate: false, renderMs: 1 };
  return { tenantId, imageId, objectKey, ...rest, body };
}

describe('an object', () => {
  it('is read once by all who want it at the same time, and is in memory afterwards', async () => {
    const object = await put(KILOBYTE);
    const [first, second] = await Promise.all([cache.read(object), cache.read(object)]);
    expect(first.equals(object.body) && second.equals(object.body)).toBe(true);
    expect(cache.get(object.objectKey)?.equals(object.body)).toBe(true);
    expect(reads.length).toBe(1);
  });

  it('is not read at all when it was stored here a moment ago, and is in memory afterwards', async () => {
    const object = await put(KILOBYTE);
    fresh.set(object.objectKey, object.body);
    expect(await cache.read(object)).toBe(object.body);
    expect(cache.get(object.objectKey)).toBe(object.body);
    expect(reads).toEqual([]);
  });

  it('is streamed instead when it is large, or larger than the whole memory', async () => {
    expect(cache.takes(await put(KILOBYTE))).toBe(true);
    const large = await put(256 * KILOBYTE + 1);
    expect(new ObjectCache(store, 64 * KILOBYTE * KILOBYTE, () => undefined).takes(large)).toBe(false);
    expect(cacheOf(0).takes(await put(1))).toBe(false);
  });

  it('is refused when it is not as long as its row tells', async () => {
    const object = await put(KILOBYTE);
    for (const bytes of [KILOBYTE + 1, KILOBYTE - 1])
      await expect(cache.read({ ...object, bytes })).rejects.toThrow('where its row tells');
    expect(cache.get(object.objectKey)).toBeUndefined();
  });
});

describe('the memory', () => {
  it('never holds more than its bound', async () => {
    for (let count = 0; count < 60; count += 1) {
      const object = await put(1 + (count % 3) * KILOBYTE);
      for (let time = 0; time < 2; time += 1) await cache.read(object);
      expect(cache.size).toBeLessThanOrEqual(20 * KILOBYTE);
    }
    expect(cache.size).toBeGreaterThan(16 * KILOBYTE);
  });

  it('keeps what is asked for again while a crawl asks for everything once', async () => {
    const hot = await put(KILOBYTE);
    await cache.read(hot);
    for (let count = 0; count < 50; count += 1) await cache.read(await put(KILOBYTE));
    expect(cache.get(hot.objectKey)).toBeDefined();
  });

  it('takes in what is asked for a second time', async () => {
    for (let count = 0; count < 20; count += 1) await cache.read(await put(KILOBYTE));
    const warm = await put(KILOBYTE);
    await cache.read(warm);
    expect(cache.get(warm.objectKey)).toBeUndefined();
    await cache.read(warm);
    expect(cache.get(warm.objectKey)).toBeDefined();
  });
});

describe('a forgotten image', () => {
  it('leaves no bytes, neither held ones nor such as are being read', async () => {
    const [held, reading] = [await put(KILOBYTE), await put(KILOBYTE)];
    const other = await put(KILOBYTE, 'img_b');
    await cache.read(held);
    await cache.read(other);
    const read = cache.read(reading);
    cache.forget('ten_a', 'img_a');
    await read;
    expect([held, reading].map(({ objectKey }) => cache.get(objectKey))).toEqual([undefined, undefined]);
    expect(cache.get(other.objectKey)).toBeDefined();
  });

  it('goes with its tenant, and leaves the other tenants’ alone', async () => {
    const [own, others] = [await put(KILOBYTE), await put(KILOBYTE, 'img_a', 'ten_b')];
    await cache.read(own);
    await cache.read(others);
    cache.forgetTenant('ten_a');
    expect(cache.get(own.objectKey)).toBeUndefined();
    expect(cache.get(others.objectKey)).toBeDefined();
  });
});
