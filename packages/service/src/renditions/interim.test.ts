import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { canonicalTransformation, type Transformation } from '@safelight/contract';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { photo } from '../../../../scripts/make-pictures.ts';
import { createTestDatabase, type TestDatabase } from '../../../../test/support/database.ts';
import { uploadOf } from '../../../../test/support/uploads.ts';
import { WorkerRig } from '../../../../test/support/worker-rig.ts';
import { systemClock } from '../core/clock.ts';
import { newId } from '../core/ids.ts';
import { invariant } from '../core/invariant.ts';
import { openFsObjectStore } from '../drivers/fs-object-store/index.ts';
import { acceptImage, type Image } from '../images/index.ts';
import { claim } from '../jobs/index.ts';
import { lockOriginal } from '../originals/index.ts';
import type { ObjectStore } from '../ports/object-store.ts';
import { BOUNDS_DEFAULT } from './bounds.ts';
import type { Rendition } from './model.ts';
import { orderRenditions } from './order.ts';
import type { SourceFacts } from './protocol.ts';
import { renderJob } from './render.ts';

/** On which everything takes a hundred times as long: longer than outputs wait for each other. */
const SLOW_MACHINE = { ...systemClock, monotonic: () => systemClock.monotonic() * 100 };

let test: TestDatabase;
let rig: WorkerRig;
let store: ObjectStore;
let directory: string;
let image: Image;
let source: SourceFacts;
beforeAll(async () => {
  directory = await mkdtemp(join(tmpdir(), 'safelight-interim-'));
  [test, rig, store] = await Promise.all([createTestDatabase(), WorkerRig.start(), openFsObjectStore({ directory })]);
  const picture = await photo(2_400, 1_800).jpeg({ quality: 90 }).toBuffer();
  const sent = uploadOf(test.tenants.a, picture);
  await store.put(sent.objectKey, picture);
  source = await rig.facts(picture);
  ({ image } = await acceptImage(test.database, systemClock, { ...sent, facts: source }));
  await work();
});
afterAll(async () => {
  await test.close();
  await rig[Symbol.asyncDispose]();
  await rm(directory, { recursive: true });
});

/** Does the job that is queued. @returns the widths that became ready together. */
async function work(): Promise<number[][]> {
  const [job] = await claim(test.database, newId('node', systemClock), 1);
  invariant(job, 'a job is queued');
  const ended: number[][] = [];
  const onEnded = (some: readonly Rendition[]) =>
    void ended.push(some.map(({ made }) => made?.width ?? 0).toSorted((a, b) => b - a));
  const { database } = test;
  const deps = { database, clock: SLOW_MACHINE, store, bounds: BOUNDS_DEFAULT, rssBytesMax: 4e9, onEnded };
  await renderJob(deps, rig.worker, job);
  return ended;
}

async function workOn(transformations: readonly Transformation[]): Promise<number[][]> {
  const tenantId = test.tenants.a;
  await test.database.asTenant(tenantId, async (tx) => {
    await lockOriginal(tx, tenantId, image.originalId, 'change');
    await orderRenditions(tx, systemClock, {
      tenantId,
      originalId: image.originalId,
      source,
      transformations: transformations.map(canonicalTransformation),
      lane: 'live',
    });
  });
  return work();
}

describe('the outputs of one decode', () => {
  it('become ready together, however long that took, when the rest is a matter of milliseconds', async () => {
    expect(await workOn([{ w: 600 }, { w: 400 }, { w: 200 }])).toEqual([[600, 400, 200]]);
  });

  it('do not wait for those that take long', async () => {
    // Searching for their qualities takes a second, and no stall of this process is as long.
    const widths = [2_200, 2_100, 2_000, 1_900, 1_800, 1_700];
    const slow = widths.map((w) => ({ w, f: 'avif', q: 'auto' }) as const);
    const [first, ...others] = await workOn([{ w: 2_400 }, ...slow]);
    expect(first).toEqual([2_400]);
    expect(others.flat().toSorted((a, b) => b - a)).toEqual(widths);
  });
});
