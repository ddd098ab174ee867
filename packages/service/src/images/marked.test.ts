import { createHash, randomBytes } from 'node:crypto';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { createTestDatabase, type TestDatabase } from '../../../../test/support/database.ts';
import { uploadOf } from '../../../../test/support/uploads.ts';
import { systemClock } from '../core/clock.ts';
import { newId } from '../core/ids.ts';
import { openFsObjectStore } from '../drivers/fs-object-store/index.ts';
import type { ObjectStore } from '../ports/object-store.ts';
import { renditionDigest } from '../renditions/index.ts';
import { acceptImage } from './accept.ts';
import { type DeletedImage, deleteImage } from './delete.ts';
import { findDelivery } from './delivery.ts';
import { sweepMarked } from './marked.ts';
import type { Image } from './model.ts';

/** More than one transaction drops. */
const MANY = 700;

describe('renditions that show an image which is deleted', () => {
  let test: TestDatabase;
  let directory: string;
  let store: ObjectStore;
  beforeAll(async () => {
    directory = await mkdtemp(join(tmpdir(), 'safelight-marked-'));
    [test, store] = await Promise.all([createTestDatabase(), openFsObjectStore({ directory })]);
  });
  afterAll(async () => {
    await test.close();
    await rm(directory, { recursive: true });
  });

  async function accept(tenantId: string): Promise<Image> {
    return (await acceptImage(test.database, systemClock, uploadOf(tenantId, randomBytes(8)))).image;
  }

  /** Renditions of an image that are made, one for each transformation, each with its object. */
  async function make({ tenantId, originalId }: Image, transformations: readonly string[]): Promise<void> {
    const made = transformations.map((transformation) => ({
      transformation,
      digest: renditionDigest(transformation),
      renditionId: newId('rendition', systemClock),
      objectKey: `${tenantId}/rendition/${newId('object', systemClock)}`,
    }));
    const [first] = made;
    if (first) await store.put(first.objectKey, Buffer.from('pixels'));
    await test.database.query(
      `INSERT INTO renditions (tenant_id, original_id, rendition_id, transformation, digest, object_key, state, sha256, bytes)
       SELECT $1, $2, r.*, 'ready', $7, 6
       FROM unnest($3::text[], $4::text[], $5::bytea[], $6::text[]) AS r (rendition_id, transformation, digest, object_key)`,
      [
        ...[tenantId, originalId, made.map(({ renditionId }) => renditionId)],
        ...[made.map(({ transformation }) => transformation), made.map(({ digest }) => digest)],
        ...[made.map(({ objectKey }) => objectKey), createHash('sha256').update('pixels').digest()],
      ],
    );
  }

  async function remove({ tenantId, imageId }: Image): Promise<DeletedImage> {
    const lookup = await deleteImage(test.database, systemClock, { tenantId, imageId, actor: 'test' });
    if (lookup.state !== 'found') throw new Error(`the image is ${lookup.state}`);
    return lookup.value;
  }

  const over = (mark: Image, w = 50) => `fit=max&mark=${mark.imageId}&w=${w}`;
  async function look({ tenantId, imageId }: Image, transformation: string) {
    const lookup = await findDelivery(test.database, tenantId, imageId, transformation);
    return lookup.state === 'found' ? lookup.value.rendition : lookup.state;
  }
  const standing = async (mark: Image) =>
    (await test.database.query('SELECT 1 FROM renditions WHERE mark_image_id = $1', [mark.imageId])).length;
  const sweep = () => sweepMarked({ database: test.database, clock: systemClock, store }, new AbortController().signal);

  it('are dropped with it, of each image that had some; others stay', async () => {
    const { a } = test.tenants;
    const [picture, other, mark, another] = [await accept(a), await accept(a), await accept(a), await accept(a)];
    const text = `fit=max&txt=x%26mark%3D${mark.imageId}&w=50`;
    await make(picture, [over(mark, 50), over(mark, 60), over(another), text]);
    await make(other, [over(mark, 50)]);
    await make(mark, [over(mark, 50)]);
    const { marked, objectKeys } = await remove(mark);
    expect(new Set(marked)).toEqual(new Set([picture.imageId, other.imageId]));
    // Its original, its own rendition and the three that show it.
    expect(objectKeys).toHaveLength(5);
    expect(await standing(mark)).toBe(0);
    expect(await look(picture, over(mark))).toBeUndefined();
    expect(await look(picture, over(another))).toMatchObject({ state: 'ready' });
    expect(await look(picture, text)).toMatchObject({ state: 'ready' });
    const purges = await test.database.query(
      `SELECT image_id, data FROM event_inbox WHERE type = 'delivery.purged' AND tenant_id = $1`,
      [a],
    );
    expect(purges).toHaveLength(2);
    expect(purges).toContainEqual({ image_id: picture.imageId, data: { scope: 'image' } });
  });

  it('are the tenant’s own: another’s with that id stay as they are', async () => {
    const { a, b } = test.tenants;
    const mark = await accept(a);
    const theirs = await accept(b);
    await make(theirs, [over(mark)]);
    expect(await remove(mark)).toMatchObject({ marked: [] });
    expect(await standing(mark)).toBe(1);
  });

  it('are delivered no more from the commit on, however many they are, and swept by and by with their objects', async () => {
    const { a } = test.tenants;
    const [picture, mark] = [await accept(a), await accept(a)];
    await make(
      picture,
      Array.from({ length: MANY }, (_, w) => over(mark, w + 1)),
    );
    expect(await remove(mark)).toMatchObject({ marked: 'all' });
    const left = await test.database.query<{ transformation: string }>(
      'SELECT transformation FROM renditions WHERE mark_image_id = $1',
      [mark.imageId],
    );
    expect(left.length).toBeGreaterThan(0);
    for (const { transformation } of left.slice(0, 20)) {
      const gone = { state: 'failed', made: undefined, cause: { code: 'mark_not_found' } };
      expect(await look(picture, transformation)).toMatchObject(gone);
    }
    const late = over(mark, MANY + 1);
    await make(picture, [late]);
    const [row] = await test.database.query<{ object_key: string }>(
      'SELECT object_key FROM renditions WHERE transformation = $1',
      [late],
    );
    expect(await sweep()).toBe(left.length + 1);
    expect(await standing(mark)).toBe(0);
    expect(await store.stat(row?.object_key ?? '')).toBeUndefined();
    expect(await sweep()).toBe(0);
  });
});
