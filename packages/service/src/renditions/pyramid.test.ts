import { mkdtemp, readdir, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { basename, join } from 'node:path';
import { canonicalTransformation, type Transformation } from '@safelight/contract';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { createTestDatabase, type TestDatabase } from '../../../../test/support/database.ts';
import { finePicture } from '../../../../test/support/fine-picture.ts';
import { until } from '../../../../test/support/until.ts';
import { uploadOf } from '../../../../test/support/uploads.ts';
import { GENEROUS, WorkerRig } from '../../../../test/support/worker-rig.ts';
import { systemClock } from '../core/clock.ts';
import { newId } from '../core/ids.ts';
import { invariant } from '../core/invariant.ts';
import { openFsObjectStore } from '../drivers/fs-object-store/index.ts';
import { acceptImage, deleteImage, type Image, ObjectSweep } from '../images/index.ts';
import { type ClaimedJob, claim, release } from '../jobs/index.ts';
import { lockOriginal } from '../originals/index.ts';
import type { ObjectStore } from '../ports/object-store.ts';
import { BOUNDS_DEFAULT } from './bounds.ts';
import type { Rendition } from './model.ts';
import { orderRenditions } from './order.ts';
import { predictJob } from './predict.ts';
import { WorkerDiedError } from './process.ts';
import type { SourceFacts } from './protocol.ts';
import { keepNewPyramid } from './pyramid-keep.ts';
import { usePyramid } from './pyramid-use.ts';
import { renderJob } from './render.ts';
import { PYRAMID_FILE } from './scratch.ts';

const [WIDTH, HEIGHT] = [6_701, 4_801];
let test: TestDatabase;
let picture: Buffer;
let facts: SourceFacts;
let rig: WorkerRig;
let other: WorkerRig;
beforeAll(async () => {
  [test, picture, rig, other] = await Promise.all([
    createTestDatabase(),
    finePicture(WIDTH, HEIGHT),
    WorkerRig.start(),
    WorkerRig.start(),
  ]);
  facts = await rig.facts(picture);
});
afterAll(async () => {
  await test.close();
  await rig[Symbol.asyncDispose]();
  await other[Symbol.asyncDispose]();
});

let store: ObjectStore;
let directory: string;
let image: Image;
let originalId: string;
beforeEach(async () => {
  // On a machine that has no time for it a worker passes its deadline; the next test begins with another.
  if (rig.worker.rssBytes() === undefined) rig = await WorkerRig.start();
  if (other.worker.rssBytes() === undefined) other = await WorkerRig.start();
  directory = await mkdtemp(join(tmpdir(), 'safelight-pyramid-'));
  store = await openFsObjectStore({ directory });
  const sent = uploadOf(test.tenants.a, picture);
  await store.put(sent.objectKey, picture);
  ({ image } = await acceptImage(test.database, systemClock, { ...sent, facts }));
  const [row] = await test.database.query<{ original_id: string }>(
    'SELECT original_id FROM images WHERE tenant_id = $1 AND image_id = $2',
    [image.tenantId, image.imageId],
  );
  originalId = row?.original_id ?? '';
  await work(rig, await claimed());
});
afterEach(async () => {
  await deleteImage(test.database, systemClock, { tenantId: image.tenantId, imageId: image.imageId, actor: 'test' });
  await rm(directory, { recursive: true });
});

const tile = (left: number, top: number): Transformation => ({
  ...{ rect: { x: left, y: top, width: 1_024, height: 1_024 }, w: 512, h: 512, fit: 'scale', fm: 'jpg' },
});

async function order(...transformations: readonly Transformation[]): Promise<void> {
  await test.database.asTenant(image.tenantId, async (tx) => {
    await lockOriginal(tx, image.tenantId, originalId, 'change');
    const texts = transformations.map(canonicalTransformation);
    const what = { tenantId: image.tenantId, originalId, source: facts, transformations: texts, lane: 'live' } as const;
    await orderRenditions(tx, systemClock, what);
  });
}

async function claimed(): Promise<ClaimedJob> {
  const [job] = await claim(test.database, newId('node', systemClock), 1);
  invariant(job, 'a job is queued');
  return job;
}

async function work({ worker }: WorkerRig, job: ClaimedJob, rssBytesMax = 4e9): Promise<Rendition[]> {
  const ended: Rendition[] = [];
  const onEnded = (some: readonly Rendition[]) => void ended.push(...some);
  const deps = { database: test.database, clock: systemClock, store, bounds: BOUNDS_DEFAULT, rssBytesMax, onEnded };
  await renderJob(deps, worker, job);
  return ended;
}

async function pyramids(): Promise<{ state: string; bytes: number | null; tries: number; objects: number }> {
  const [row] = await test.database.query<{ state: string; bytes: number | null; tries: number }>(
    'SELECT state, bytes, tries FROM pyramids WHERE tenant_id = $1 AND original_id = $2',
    [image.tenantId, originalId],
  );
  let objects = 0;
  for await (const _ of store.list(`${image.tenantId}/pyramid/`)) objects += 1;
  return { ...(row ?? { state: 'none', bytes: null, tries: 0 }), objects };
}

async function removeOriginal(): Promise<void> {
  for await (const { key } of store.list(`${image.tenantId}/original/`)) await store.remove([key]);
}

describe('the pyramid of a large picture', () => {
  it('is made by the first job that wants an area, and no later one reads the original', async () => {
    await order(tile(0, 0));
    expect(await work(rig, await claimed())).toHaveLength(1);
    expect(await pyramids()).toMatchObject({ state: 'ready', tries: 1, objects: 1 });
    await removeOriginal();
    await order(tile(1_024, 0), tile(2_048, 1_024), { w: 800, fm: 'webp' });
    const ended = await work(other, await claimed());
    expect(ended.map(({ state }) => state)).toEqual(['ready', 'ready', 'ready']);
  });

  it('is made once, when two nodes want areas at the same moment', async () => {
    await order(tile(0, 0));
    const first = await claimed();
    await order(tile(1_024, 0), tile(0, 1_024));
    const second = await claimed();
    const ended = await Promise.all([work(rig, first), work(other, second)]);
    expect(ended.flat().map(({ state }) => state)).toEqual(['ready', 'ready', 'ready']);
    expect(await pyramids()).toMatchObject({ state: 'ready', tries: 1, objects: 1 });
  });

  it('is not there when the worker dies that makes it, and what was asked for arrives all the same', async () => {
    await order(tile(0, 0));
    const job = await claimed();
    const dying = await WorkerRig.start();
    const died = expect(work(dying, job)).rejects.toThrow(WorkerDiedError);
    const scratch = join(dying.directory, 'scratch');
    await until('it is being made', async () =>
      (await readdir(scratch, { recursive: true })).some((name) => basename(name) === PYRAMID_FILE),
    );
    dying.worker.kill();
    await died;
    await dying[Symbol.asyncDispose]();
    expect(await pyramids()).toMatchObject({ state: 'making', objects: 0 });
    expect(await release(test.database, job, { reason: 'worker_died', message: 'killed' }, 0)).toMatchObject({
      solitary: true,
    });

    expect(await work(rig, await claimed())).toMatchObject([{ state: 'ready' }]);
    expect(await pyramids()).toMatchObject({ state: 'making', objects: 0 });
    await order(tile(1_024, 1_024));
    expect(await work(rig, await claimed())).toMatchObject([{ state: 'ready' }]);
    expect(await pyramids()).toMatchObject({ state: 'ready', tries: 2, objects: 1 });
  });

  it('goes with its original', async () => {
    await order(tile(0, 0));
    await work(rig, await claimed());
    const { tenantId, imageId } = image;
    const deleted = await deleteImage(test.database, systemClock, { tenantId, imageId, actor: 'test' });
    invariant(deleted.state === 'found', 'the image stands');
    expect(deleted.value.objectKeys.filter((key) => key.includes('/pyramid/'))).toHaveLength(1);
    expect(await pyramids()).toMatchObject({ state: 'none' });
  });

  it('is not kept when its original goes while it is made', async () => {
    await order(tile(0, 0));
    const working = work(rig, await claimed());
    await until('it is being made', async () => (await pyramids()).state === 'making');
    const { tenantId, imageId } = image;
    await deleteImage(test.database, systemClock, { tenantId, imageId, actor: 'test' });
    expect(await working).toEqual([]);
    expect(await pyramids()).toMatchObject({ state: 'none', objects: 0 });
  });

  it('is made again when its object is lost', async () => {
    await order(tile(0, 0));
    await work(rig, await claimed());
    for await (const { key } of store.list(`${image.tenantId}/pyramid/`)) await store.remove([key]);
    await order(tile(1_024, 0));
    expect(await work(rig, await claimed())).toMatchObject([{ state: 'ready' }]);
    expect(await pyramids()).toMatchObject({ state: 'none' });
    await order(tile(2_048, 0));
    expect(await work(rig, await claimed())).toMatchObject([{ state: 'ready' }]);
    expect(await pyramids()).toMatchObject({ state: 'ready', objects: 1 });
  });

  it('is forgotten when it cannot be read, and what was asked for is made of the original', async () => {
    await order(tile(0, 0));
    await work(rig, await claimed());
    const objectKey = `${image.tenantId}/pyramid/${newId('object', systemClock)}`;
    await store.put(objectKey, Buffer.from('no pyramid'));
    await test.database.query('UPDATE pyramids SET object_key = $1 WHERE original_id = $2', [objectKey, originalId]);
    await order(tile(1_024, 0));
    const job = await claimed();
    await expect(work(rig, job)).rejects.toThrow(/pyramid/);
    const cause = { code: 'render_failed', message: 'once' };
    await release(test.database, job, { reason: 'retry', cause }, 0);
    await test.database.query(`UPDATE jobs SET state = 'queued' WHERE job_id = $1`, [job.jobId]);
    expect(await work(rig, await claimed())).toMatchObject([{ state: 'ready' }]);
    expect(await pyramids()).toMatchObject({ state: 'ready' });
  });

  it('is tried three times, and then the picture has none', async () => {
    await order(tile(0, 0));
    const job = await claimed();
    const take = (token: number) =>
      usePyramid({ database: test.database, clock: systemClock }, { ...job, token }, facts, [tile(0, 0)], {
        mayMake: true,
        gone: new Promise(() => undefined),
      });
    // None of these claims of the job is the one that stands.
    for (const token of [101, 102, 103]) expect(await take(token)).toEqual({ use: 'make' });
    expect(await take(104)).toEqual({ use: 'none' });
    expect(await pyramids()).toMatchObject({ state: 'refused', objects: 0 });
    expect(await work(rig, job)).toMatchObject([{ state: 'ready' }]);
    expect(await pyramids()).toMatchObject({ state: 'refused', objects: 0 });
  });

  it('is not kept when it is longer than a byte for each pixel', async () => {
    await order(tile(0, 0));
    const job = await claimed();
    const deps = { database: test.database, clock: systemClock, store };
    const gone = new Promise(() => undefined);
    expect(await usePyramid(deps, job, facts, [tile(0, 0)], { mayMake: true, gone })).toEqual({ use: 'make' });
    const made = { bytes: facts.width * facts.height + 1, cpuMs: 1 };
    await keepNewPyramid(deps, job, { scratch: rig.worker.scratch, folder: 'none', source: facts, made });
    expect(await pyramids()).toMatchObject({ state: 'refused', objects: 0 });
    expect(await work(rig, job)).toMatchObject([{ state: 'ready' }]);
  });

  it('is no object that the janitor sweeps', async () => {
    await order(tile(0, 0));
    await work(rig, await claimed());
    let passedMs = 0;
    const clock = { ...systemClock, monotonic: () => passedMs };
    const sweep = new ObjectSweep({ database: test.database, store, clock });
    await sweep.sweep(-1_000);
    passedMs = 3_600_000;
    expect(await sweep.sweep(-1_000)).toBe(0);
    expect(await pyramids()).toMatchObject({ state: 'ready', objects: 1 });
  });

  it('is not made where that would take more memory than a worker may', async () => {
    const { bytes } = predictJob(facts, [tile(0, 0)], { pyramid: 'make' });
    await order(tile(0, 0));
    expect(await work(rig, await claimed(), bytes - 1)).toMatchObject([{ state: 'ready' }]);
    expect(await pyramids()).toMatchObject({ state: 'none' });
  });

  it('takes no more memory than is predicted, and about the time', async () => {
    await using fresh = await WorkerRig.start();
    const folder = await fresh.put(picture);
    const job = { id: folder, folder, source: facts, bounds: BOUNDS_DEFAULT, pyramid: 'make' } as const;
    const { peakRssBytes, cpuMs } = await fresh.worker.run({ ...job, transformations: [tile(0, 0)] }, GENEROUS);
    const predicted = predictJob(facts, [tile(0, 0)], { pyramid: 'make' });
    expect(peakRssBytes).toBeLessThanOrEqual(predicted.bytes);
    const ratio = cpuMs / (predicted.costMicros / 1_000);
    expect(ratio).toBeGreaterThan(0.2);
    expect(ratio).toBeLessThan(5);
  });
});
