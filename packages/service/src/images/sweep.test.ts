import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { createTestDatabase, type TestDatabase } from '../../../../test/support/database.ts';
import { systemClock } from '../core/clock.ts';
import { newId } from '../core/ids.ts';
import { openFsObjectStore } from '../drivers/fs-object-store/index.ts';
import type { ObjectStore } from '../ports/object-store.ts';
import { acceptImage } from './accept.ts';
import { ObjectSweep } from './sweep.ts';

const HOUR_MS = 3_600_000;
const BYTES = Buffer.from('bytes of an original');

describe('the janitor’s sweep', () => {
  let test: TestDatabase;
  let folder: string;
  let store: ObjectStore;
  beforeAll(async () => {
    test = await createTestDatabase();
    folder = await mkdtemp(join(tmpdir(), 'safelight-sweep-'));
    store = await openFsObjectStore({ directory: folder });
  });
  afterAll(async () => {
    await test.close();
    await rm(folder, { recursive: true });
  });

  it('removes what no row points at, once it is old enough, and nothing else', async () => {
    const { a } = test.tenants;
    const [named, orphan, anchor] = [
      key(a, 'original'),
      key(a, 'rendition'),
      `system/anchors/${newId('object', systemClock)}`,
    ];
    for (const objectKey of [named, orphan, anchor]) await store.put(objectKey, BYTES);
    await accept(named);

    const later = sweeper();
    expect(await later(0)).toBe(0);
    expect(await later(2 * HOUR_MS)).toBe(0);
    expect(await store.stat(orphan)).toBeDefined();
    expect(await later(3 * HOUR_MS)).toBe(1);
    expect(await store.stat(orphan)).toBeUndefined();
    expect(await store.stat(named)).toBeDefined();
    expect(await store.stat(anchor)).toBeDefined();
    expect(await later(4 * HOUR_MS)).toBe(0);
  });

  it('goes through more objects than one look takes', async () => {
    const keys = Array.from({ length: 520 }, () => key(test.tenants.b, 'rendition'));
    for (const objectKey of keys) await store.put(objectKey, BYTES);
    const later = sweeper();
    await later(2 * HOUR_MS);
    expect(await later(3 * HOUR_MS)).toBe(keys.length);
  });

  it('spares an upload that is being accepted while the clock is set forward by a day', async () => {
    const objectKey = key(test.tenants.b, 'original');
    await store.put(objectKey, BYTES);
    const later = sweeper();
    for (const minutes of [0, 10]) await later(minutes * 60_000, 24 * HOUR_MS);
    expect(await store.stat(objectKey)).toBeDefined();
    expect(await later(HOUR_MS, 24 * HOUR_MS)).toBe(1);
  });

  it('forgets its suspicion of what was accepted meanwhile', async () => {
    const objectKey = key(test.tenants.b, 'original');
    await store.put(objectKey, BYTES);
    const later = sweeper();
    await later(2 * HOUR_MS);
    await accept(objectKey, test.tenants.b);
    expect(await later(3 * HOUR_MS)).toBe(0);
    expect(await store.stat(objectKey)).toBeDefined();
  });

  /** Sweeps as if `passedMs` had passed and somebody had set the clock forward by `setMs` besides. */
  function sweeper() {
    let passed = 0;
    let set = 0;
    const clock = {
      ...systemClock,
      now: () => systemClock.now() + passed + set,
      monotonic: () => passed,
    };
    const sweep = new ObjectSweep({ database: test.database, store, clock });
    return (passedMs: number, setMs = 0): Promise<number> => {
      passed = passedMs;
      set = setMs;
      return sweep.sweep(HOUR_MS);
    };
  }

  async function accept(objectKey: string, tenantId = test.tenants.a): Promise<void> {
    const facts = {
      format: 'jpeg',
      bytes: BYTES.length,
      width: 10,
      height: 10,
      frames: 1,
      orientation: 1,
      hasAlpha: false,
      space: 'srgb',
      depth: 'uchar',
      hasProfile: false,
      progressive: false,
      palette: false,
    } as const;
    await acceptImage(test.database, systemClock, {
      tenantId,
      objectKey,
      bytes: BYTES.length,
      sha256: new Uint8Array(32),
      facts,
      filename: undefined,
      tags: [],
      actor: 'test',
      address: undefined,
    });
  }

  function key(tenantId: string, kind: string): string {
    return `${tenantId}/${kind}/${newId('object', systemClock)}`;
  }
});
