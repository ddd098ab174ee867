import { createHash, randomBytes } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { createTestDatabase, type TestDatabase } from '../../../../test/support/database.ts';
import { sourceFacts, uploadOf } from '../../../../test/support/uploads.ts';
import { systemClock } from '../core/clock.ts';
import { acceptImage } from './accept.ts';
import { deleteImage } from './delete.ts';
import { findDelivery } from './delivery.ts';
import { getImage, listImages } from './read.ts';

describe.each([18, 15] as const)('an accepted upload, on PostgreSQL %i', (major) => {
  let test: TestDatabase;
  let a: string;
  let b: string;
  beforeAll(async () => {
    test = await createTestDatabase(major);
    ({ a, b } = test.tenants);
  });
  afterAll(() => test.close());

  const accept = (tenantId: string, bytes: Uint8Array, more = {}) =>
    acceptImage(test.database, systemClock, { ...uploadOf(tenantId, bytes), ...more });
  const remove = (tenantId: string, imageId: string) =>
    deleteImage(test.database, systemClock, { tenantId, imageId, actor: 'test' });
  const count = async (table: string, tenantId: string) => {
    const [row] = await test.database.query<{ count: number }>(`SELECT count(*) FROM ${table} WHERE tenant_id = $1`, [
      tenantId,
    ]);
    return row?.count;
  };

  it('is one transaction: image, original, three renditions, one job and its event', async () => {
    const { image, duplicate } = await accept(a, randomBytes(8), { filename: 'a.jpg', tags: ['x', 'y', 'x'] });
    expect(duplicate).toBe(false);
    expect(image).toMatchObject({ filename: 'a.jpg', tags: ['x', 'y'] });
    expect(image.renditions.map(({ state }) => state)).toEqual(['pending', 'pending', 'pending']);
    expect(new Set(image.renditions.map(({ jobId }) => jobId)).size).toBe(1);
    expect(await getImage(test.database, a, image.imageId)).toMatchObject({
      state: 'found',
      value: { imageId: image.imageId, filename: 'a.jpg', tags: ['x', 'y'] },
    });
  });

  it('leaves nothing when what must be true with it fails', async () => {
    const before = [await count('images', a), await count('originals', a), await count('jobs', a)];
    const upload = uploadOf(a, randomBytes(8));
    const failing = acceptImage(test.database, systemClock, upload, () => Promise.reject(new Error('no')));
    await expect(failing).rejects.toThrow('no');
    expect([await count('images', a), await count('originals', a), await count('jobs', a)]).toEqual(before);
  });

  it('shares its original, its renditions and their job with another of the same bytes', async () => {
    const bytes = randomBytes(8);
    const [first, second] = [await accept(a, bytes), await accept(a, bytes)];
    expect(second.duplicate).toBe(true);
    expect(second.image.imageId).not.toBe(first.image.imageId);
    expect(second.image.originalId).toBe(first.image.originalId);
    expect(ids(second.image)).toEqual(ids(first.image));
  });

  it('is one original however many of the same bytes come at once', async () => {
    const bytes = randomBytes(8);
    const accepted = await Promise.all(Array.from({ length: 16 }, () => accept(a, bytes)));
    expect(new Set(accepted.map(({ image }) => image.originalId)).size).toBe(1);
    expect(new Set(accepted.map(({ image }) => image.imageId)).size).toBe(16);
    expect(accepted.filter(({ duplicate }) => !duplicate)).toHaveLength(1);
    expect(new Set(accepted.flatMap(({ image }) => ids(image))).size).toBe(3);
  });

  it('shares nothing with another tenant, and shows it nothing', async () => {
    const bytes = randomBytes(8);
    const [ours, theirs] = [await accept(a, bytes), await accept(b, bytes)];
    expect(theirs.duplicate).toBe(false);
    expect(theirs.image.originalId).not.toBe(ours.image.originalId);
    const { imageId } = ours.image;
    expect(await getImage(test.database, b, imageId)).toEqual({ state: 'missing' });
    expect(await remove(b, imageId)).toEqual({ state: 'missing' });
    // As the tenant alone, never as the system, which sees all.
    const database = { asTenant: test.database.asTenant.bind(test.database) };
    expect(await findDelivery(database, b, imageId, 'fit=max&h=100&w=100')).toEqual({ state: 'missing' });
    const { images } = await listImages(test.database, b, { limit: 200 });
    expect(images.map((image) => image.tenantId)).not.toContain(a);
    expect((await getImage(test.database, a, imageId)).state).toBe('found');
  });

  it('that is deleted is gone, with what no other image needs', async () => {
    const bytes = randomBytes(8);
    const [first, second] = [(await accept(a, bytes)).image, (await accept(a, bytes)).image];
    expect(await remove(a, first.imageId)).toMatchObject({ value: { originalRemoved: false, objectKeys: [] } });
    expect(await getImage(test.database, a, second.imageId)).toMatchObject({ state: 'found' });
    const last = await remove(a, second.imageId);
    expect(last).toMatchObject({ value: { originalRemoved: true, renditionsRemoved: 3 } });
    expect(await remove(a, second.imageId)).toEqual({ state: 'gone' });
    expect(await getImage(test.database, a, second.imageId)).toEqual({ state: 'gone' });
    const [original] = await test.database.query('SELECT FROM originals WHERE sha256 = $1', [sha256(bytes)]);
    expect(original).toBeUndefined();
    const jobs = await test.database.query('SELECT FROM jobs WHERE original_id = $1', [first.originalId]);
    expect(jobs).toEqual([]);
  });

  it('takes the facts of its original, not of a second look at the same bytes', async () => {
    const bytes = randomBytes(8);
    await accept(a, bytes);
    const { image } = await accept(a, bytes, { facts: { ...sourceFacts(), width: 640 } });
    const stored = await getImage(test.database, a, image.imageId);
    expect(stored).toMatchObject({ value: { width: sourceFacts().width } });
  });
});

const ids = (image: { renditions: readonly { renditionId: string }[] }) =>
  image.renditions.map(({ renditionId }) => renditionId).sort();
const sha256 = (bytes: Uint8Array) => createHash('sha256').update(bytes).digest();
