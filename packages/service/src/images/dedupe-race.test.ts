import { randomBytes } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { createTestDatabase, type TestDatabase } from '../../../../test/support/database.ts';
import { uploadOf } from '../../../../test/support/uploads.ts';
import { systemClock } from '../core/clock.ts';
import { newId } from '../core/ids.ts';
import { type ClaimedJob, claim } from '../jobs/index.ts';
import { endRenditions } from '../renditions/end.ts';
import { acceptImage } from './accept.ts';
import { deleteImage } from './delete.ts';
import { findDelivery, hurryRendition } from './delivery.ts';

const HURRY = { pendingMax: 500 };
const SMALL = 'fit=max&h=100&w=100';
const ROUNDS = 60;

/**
 * Uploads, deletions, renders and deliveries of the same few bytes, all at once. Objects are a set of keys here, added
 * before the row and removed after the commit, as the front end does with the store.
 */
describe.each([18, 15] as const)('uploads of the same bytes against their deletion, on PostgreSQL %i', (major) => {
  let test: TestDatabase;
  beforeAll(async () => {
    test = await createTestDatabase(major);
  });
  afterAll(() => test.close());

  it('never leave a live image without its object, nor an object without its row', async () => {
    const objects = new Set<string>();
    const contents = Array.from({ length: 3 }, () => randomBytes(8));
    const live = new Set<string>();
    const failures: unknown[] = [];
    const crowd = Array.from({ length: 8 }, (_, member) => act(test, { objects, contents, live, member }));
    for (const outcome of await Promise.allSettled(crowd)) {
      if (outcome.status === 'rejected') failures.push(outcome.reason);
    }
    expect(failures).toEqual([]);
    const named = await namedObjects(test);
    expect(named.filter((key) => !objects.has(key))).toEqual([]);
    expect([...objects].filter((key) => !named.includes(key))).toEqual([]);
    const alive = await test.database.query<{ image_id: string; object_key: string | null }>(
      `SELECT image_id, object_key FROM images LEFT JOIN originals USING (tenant_id, original_id)
       WHERE deleted_at IS NULL`,
    );
    expect(alive.map(({ image_id }) => image_id).sort()).toEqual([...live].sort());
    for (const { object_key } of alive) expect(objects.has(object_key ?? '')).toBe(true);
  });
});

interface Scene {
  readonly objects: Set<string>;
  readonly contents: readonly Uint8Array[];
  readonly live: Set<string>;
  readonly member: number;
}

async function act(test: TestDatabase, scene: Scene): Promise<void> {
  const { contents, live, member } = scene;
  for (let round = 0; round < ROUNDS; round += 1) {
    const bytes = contents[(member + round) % contents.length] ?? randomBytes(8);
    if (member % 4 === 3) await renderOne(test, scene);
    else {
      const imageId = await upload(test, scene, bytes);
      if (round % 3 === 0) await hurry(test, imageId);
      if (round % 5 !== 4) await remove(test, scene, imageId);
      // Whose image of whichever round: another member's may be deleted twice at once.
      const [another] = live;
      if (another !== undefined && round % 2 === 0) await remove(test, scene, another);
    }
  }
}

async function upload({ database, tenants }: TestDatabase, scene: Scene, bytes: Uint8Array): Promise<string> {
  const given = uploadOf(tenants.a, bytes);
  scene.objects.add(given.objectKey);
  const { image, duplicate } = await acceptImage(database, systemClock, given);
  scene.live.add(image.imageId);
  if (duplicate) scene.objects.delete(given.objectKey);
  return image.imageId;
}

async function remove({ database, tenants }: TestDatabase, scene: Scene, imageId: string): Promise<void> {
  const lookup = await deleteImage(database, systemClock, { tenantId: tenants.a, imageId, actor: 'test' });
  scene.live.delete(imageId);
  if (lookup.state === 'found') for (const key of lookup.value.objectKeys) scene.objects.delete(key);
}

async function hurry({ database, tenants }: TestDatabase, imageId: string): Promise<void> {
  const lookup = await findDelivery(database, tenants.a, imageId, SMALL);
  if (lookup.state === 'found') await hurryRendition(database, systemClock, tenants.a, lookup.value, SMALL, HURRY);
}

/** A worker's part: takes a job and ends what it owes, with an object for each. */
async function renderOne({ database }: TestDatabase, scene: Scene): Promise<void> {
  const [job] = await claim(database, newId('node', systemClock), 1);
  if (!job) return;
  const ready = await resultsOf(database, job);
  for (const { made } of ready) scene.objects.add(made.objectKey);
  const ended = await endRenditions(database, systemClock, job, { ready, failed: [] }, true);
  const named = new Set(ended.map(({ renditionId }) => renditionId));
  for (const { renditionId, made } of ready) if (!named.has(renditionId)) scene.objects.delete(made.objectKey);
}

async function resultsOf(database: TestDatabase['database'], job: ClaimedJob) {
  const rows = await database.query<{ rendition_id: string }>(
    'SELECT rendition_id FROM renditions WHERE tenant_id = $1 AND job_id = $2',
    [job.tenantId, job.jobId],
  );
  return rows.map(({ rendition_id }) => {
    const objectKey = `${job.tenantId}/rendition/${newId('object', systemClock)}`;
    const size = { format: 'jpeg', width: 100, height: 67, bytes: 1, renderMs: 1 };
    return { renditionId: rendition_id, made: { objectKey, sha256: randomBytes(32), ...size } };
  });
}

async function namedObjects({ database }: TestDatabase): Promise<string[]> {
  const rows = await database.query<{ object_key: string }>(
    `SELECT object_key FROM originals UNION ALL
     SELECT object_key FROM renditions WHERE object_key IS NOT NULL`,
  );
  return rows.map(({ object_key }) => object_key);
}
