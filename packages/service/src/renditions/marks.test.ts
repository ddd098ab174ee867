import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { canonicalTransformation, type Transformation } from '@safelight/contract';
import sharp from 'sharp';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { createTestDatabase, type TestDatabase } from '../../../../test/support/database.ts';
import { uploadOf } from '../../../../test/support/uploads.ts';
import { colourAt, WorkerRig } from '../../../../test/support/worker-rig.ts';
import { systemClock } from '../core/clock.ts';
import { newId } from '../core/ids.ts';
import { invariant } from '../core/invariant.ts';
import { openFsObjectStore } from '../drivers/fs-object-store/index.ts';
import { acceptImage, deleteImage, type Image } from '../images/index.ts';
import { claim } from '../jobs/index.ts';
import { lockOriginal } from '../originals/index.ts';
import type { ObjectStore } from '../ports/object-store.ts';
import { BOUNDS_DEFAULT } from './bounds.ts';
import type { Rendition } from './model.ts';
import { orderRenditions } from './order.ts';
import type { SourceFacts } from './protocol.ts';
import { renderJob } from './render.ts';

let test: TestDatabase;
let rig: WorkerRig;
let store: ObjectStore;
let directory: string;
beforeAll(async () => {
  directory = await mkdtemp(join(tmpdir(), 'safelight-marks-'));
  [test, rig, store] = await Promise.all([createTestDatabase(), WorkerRig.start(), openFsObjectStore({ directory })]);
});
afterAll(async () => {
  await test.close();
  await rig[Symbol.asyncDispose]();
  await rm(directory, { recursive: true });
});

const flat = (width: number, height: number, background: string) =>
  sharp({ create: { width, height, channels: 3, background } }).png();

/** An upload whose presets are made. */
async function upload(tenantId: string, bytes: Buffer, facts: Partial<SourceFacts> = {}): Promise<Image> {
  const sent = uploadOf(tenantId, bytes);
  await store.put(sent.objectKey, bytes);
  const probed = { ...(await rig.facts(bytes)), ...facts };
  const { image } = await acceptImage(test.database, systemClock, { ...sent, facts: probed });
  await work();
  return image;
}

/** Does what is queued, and answers what ended. */
async function work(): Promise<Rendition[]> {
  const ended: Rendition[] = [];
  const [job] = await claim(test.database, newId('node', systemClock), 1);
  invariant(job, 'a job is queued');
  const { database } = test;
  const onEnded = (some: readonly Rendition[]) => void ended.push(...some);
  const deps = { database, clock: systemClock, store, bounds: BOUNDS_DEFAULT, rssBytesMax: 4e9, onEnded };
  await renderJob(deps, rig.worker, job);
  return ended;
}

/** What becomes of these renditions of an image, in their order: the cause of a failure, or the colour in the middle. */
async function render(tenantId: string, image: Image, transformations: readonly Transformation[]): Promise<unknown[]> {
  const [{ original_id: originalId, facts } = { original_id: '', facts: undefined }] = await test.database.query<{
    original_id: string;
    facts: SourceFacts;
  }>(
    'SELECT original_id, facts FROM originals JOIN images USING (tenant_id, original_id) WHERE tenant_id = $1 AND image_id = $2',
    [tenantId, image.imageId],
  );
  invariant(facts, 'the image stands');
  const texts = transformations.map(canonicalTransformation);
  await test.database.asTenant(tenantId, async (tx) => {
    await lockOriginal(tx, tenantId, originalId, 'change');
    await orderRenditions(tx, systemClock, {
      tenantId,
      originalId,
      source: facts,
      transformations: texts,
      lane: 'live',
    });
  });
  const ended = await work();
  return Promise.all(
    texts.map(async (text) => {
      const rendition = ended.find(({ transformation }) => transformation === text);
      if (!rendition?.made) return rendition?.cause?.code;
      const { stream } = await store.read(rendition.made.objectKey);
      return colourAt(Buffer.concat(await stream.toArray()), 0.5, 0.5);
    }),
  );
}

const over = (image: Image): Transformation => ({ w: 50, mark: image.imageId, 'mark-align': 'middle,center' });
const GREY = [128, 128, 128];
const RED = [255, 0, 0];

describe('an image that is laid over another', () => {
  it('is fetched with the original, each once for all outputs that want it', async () => {
    const { a } = test.tenants;
    const picture = await upload(a, await flat(200, 100, '#808080').toBuffer());
    const red = await upload(a, await flat(40, 20, '#ff0000').toBuffer());
    const blue = await upload(a, await flat(40, 20, '#0000ff').toBuffer());
    const made = await render(a, picture, [over(red), { ...over(red), w: 60 }, over(blue), { w: 70 }, over(picture)]);
    expect(made).toEqual([RED, RED, [0, 0, 255], GREY, GREY]);
  });

  it('is not there when it belongs to another tenant', async () => {
    const { a, b } = test.tenants;
    const theirs = await upload(b, await flat(40, 21, '#ff0000').toBuffer());
    const picture = await upload(a, await flat(200, 101, '#808080').toBuffer());
    expect(await render(a, picture, [over(theirs), { w: 50 }])).toEqual(['mark_not_found', GREY]);
    const own = await upload(b, await flat(200, 101, '#808080').toBuffer());
    expect(await render(b, own, [over(theirs)])).toEqual([RED]);
  });

  it('is not there when it was deleted, before the job or while its object was fetched', async () => {
    const { a } = test.tenants;
    const picture = await upload(a, await flat(200, 102, '#808080').toBuffer());
    const gone = await upload(a, await flat(40, 22, '#ff0000').toBuffer());
    const deleted = await deleteImage(test.database, systemClock, {
      tenantId: a,
      imageId: gone.imageId,
      actor: 'test',
    });
    expect(deleted.state).toBe('found');
    expect(await render(a, picture, [over(gone), { w: 50 }])).toEqual(['mark_not_found', GREY]);

    const going = await upload(a, await flat(40, 23, '#ff0000').toBuffer());
    const [row] = await test.database.query<{ object_key: string }>(
      'SELECT object_key FROM originals JOIN images USING (tenant_id, original_id) WHERE tenant_id = $1 AND image_id = $2',
      [a, going.imageId],
    );
    await store.remove([row?.object_key ?? '']);
    expect(await render(a, picture, [over(going), { w: 51 }])).toEqual(['mark_not_found', GREY]);
  });

  it('is refused where its decode would take more memory than was counted for it', async () => {
    const { a } = test.tenants;
    const picture = await upload(a, await flat(200, 103, '#808080').toBuffer());
    const bytes = await flat(40, 24, '#ff0000').toBuffer();
    const large = await upload(a, bytes, { format: 'avif', width: 2_000, height: 2_000 });
    expect(await render(a, picture, [over(large), { w: 50 }])).toEqual(['mark_too_large', GREY]);
  });
});
