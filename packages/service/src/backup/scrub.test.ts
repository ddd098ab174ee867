import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { createTestDatabase, type TestDatabase } from '../../../../test/support/database.ts';
import { uploadOf } from '../../../../test/support/uploads.ts';
import { systemClock } from '../core/clock.ts';
import { openFsObjectStore } from '../drivers/fs-object-store/index.ts';
import { acceptImage } from '../images/index.ts';
import type { ObjectStore } from '../ports/object-store.ts';
import { type ScrubOptions, scrubObjects } from './scrub.ts';

/** More than two pages. */
const OBJECTS = 230;

describe('a scrub', () => {
  let test: TestDatabase;
  let folder: string;
  let store: ObjectStore;
  const keys: string[] = [];
  beforeAll(async () => {
    test = await createTestDatabase();
    folder = await mkdtemp(join(tmpdir(), 'safelight-scrub-'));
    store = await openFsObjectStore({ directory: folder });
    for (let n = 0; n < OBJECTS; n += 1) {
      const bytes = Buffer.from(`the bytes of original ${n}`);
      const upload = uploadOf(n % 2 ? test.tenants.a : test.tenants.b, bytes);
      await store.put(upload.objectKey, bytes);
      await acceptImage(test.database, systemClock, upload);
      keys.push(upload.objectKey);
    }
  });
  afterAll(async () => {
    await test.close();
    await rm(folder, { recursive: true });
  });

  function scrub(given: Partial<ScrubOptions> = {}) {
    return scrubObjects({
      ...{ database: test.database, clock: systemClock, store, sources: undefined, restart: false },
      ...{ bytesPerSecondMax: 1e9, signal: new AbortController().signal },
      ...{ onDamage: () => undefined, onProgress: () => undefined, ...given },
    });
  }

  /** Counts what is read. */
  function counted(read: string[]): ObjectStore {
    return new Proxy(store, {
      get: (target, name) => {
        if (name !== 'read') return Reflect.get(target, name);
        return (key: string) => {
          read.push(key);
          return target.read(key);
        };
      },
    });
  }

  it('that is broken off goes on there, and the last part tells of damages that the first has found', async () => {
    const read: string[] = [];
    const [lost = ''] = [...keys].sort((a, b) => (a < b ? -1 : 1));
    await store.remove([lost]);
    const stopping = new AbortController();
    const first = await scrub({ store: counted(read), signal: stopping.signal, onProgress: () => stopping.abort() });
    expect(first).toMatchObject({ finished: false, resumed: false, objects: 100 });
    const second = await scrub({ store: counted(read) });
    expect(second).toMatchObject({ finished: true, resumed: true, objects: OBJECTS });
    expect(second.damaged).toEqual([expect.objectContaining({ objectKey: lost, damage: 'missing', kind: 'original' })]);
    expect(read).toHaveLength(OBJECTS);
    expect(new Set(read)).toEqual(new Set(keys));
  });

  it('tells no longer of what has been put right behind its back', async () => {
    const before = await scrub();
    expect(before).toMatchObject({ resumed: false, damaged: [{ damage: 'missing' }] });
    const objectKey = before.damaged[0]?.objectKey ?? '';
    const bytes = Buffer.from(`the bytes of original ${keys.indexOf(objectKey)}`);
    await store.put(objectKey, Buffer.from(bytes.toString().replace('bytes', 'bites')));
    expect((await scrub()).damaged).toMatchObject([{ objectKey, damage: 'damaged' }]);
    await store.remove([objectKey]);
    await store.put(objectKey, bytes);
    expect((await scrub()).damaged).toEqual([]);
  });

  it('reads no faster than it may', async () => {
    const startedMs = systemClock.monotonic();
    const { bytes } = await scrub({ bytesPerSecondMax: 10_000 });
    expect(systemClock.monotonic() - startedMs).toBeGreaterThan(0.9 * (bytes / 10_000) * 1000);
  });

  it('takes a failure of the whole store for what it is, and no object for damaged', async () => {
    const away = new Proxy(store, {
      get: (target, name) =>
        name === 'read' ? () => Promise.reject(new Error('the network is down')) : Reflect.get(target, name),
    });
    await expect(scrub({ store: away, sources: [] })).rejects.toThrow('the network is down');
    expect(await scrub({ restart: true })).toMatchObject({ resumed: false, damaged: [], finished: true });
  });
});
