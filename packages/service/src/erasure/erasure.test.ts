import { randomBytes } from 'node:crypto';
import { PRESETS } from '@safelight/contract';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { createTestLog, type TestLog } from '../../../../test/support/events.ts';
import { uploadOf } from '../../../../test/support/uploads.ts';
import { holdRemovals } from '../compose/held-removals.ts';
import { systemClock } from '../core/clock.ts';
import { newId } from '../core/ids.ts';
import { acceptImage, deleteImage, type Image, restoreImage, trashImage } from '../images/index.ts';
import { claim } from '../jobs/index.ts';
import { endRenditions } from '../renditions/end.ts';
import { eraseDue, eraseImage, getErasure, listErasures, signErasures, verifyReceipt } from './index.ts';

const PRESET_TEXTS = Object.values(PRESETS);
const NEVER = new AbortController().signal;

describe.each([18, 15] as const)('an erasure, on PostgreSQL %i', (major) => {
  let log: TestLog;
  let a: string;
  beforeAll(async () => {
    log = await createTestLog(major);
    ({ a } = log.tenants);
  });
  afterAll(() => log.close());

  const accept = async (bytes: Buffer = randomBytes(8), tenantId = a): Promise<Image> => {
    const upload = { ...uploadOf(tenantId, bytes), filename: 'holiday.jpg', tags: ['beach'], address: '192.0.2.7' };
    await log.store.put(upload.objectKey, bytes);
    const { image, duplicate } = await acceptImage(log.database, systemClock, upload);
    if (duplicate) await log.store.remove([upload.objectKey]);
    return image;
  };
  /** What a worker does. */
  const render = async ({ tenantId, originalId }: Image) => {
    for (const job of await claim(log.database, 'node_1', 64)) {
      if (job.originalId !== originalId) continue;
      const rows = await log.database.query<{ id: string }>(
        `SELECT rendition_id AS id FROM renditions WHERE job_id = $1 AND state = 'pending'`,
        [job.jobId],
      );
      const ready = await Promise.all(
        rows.map(async ({ id: renditionId }) => {
          const objectKey = `${tenantId}/rendition/${newId('object', systemClock)}`;
          await log.store.put(objectKey, randomBytes(9));
          const size = { bytes: 9, format: 'jpeg', width: 9, height: 6, renderMs: 1 };
          return { renditionId, made: { objectKey, sha256: randomBytes(32), ...size } };
        }),
      );
      await endRenditions(log.database, systemClock, job, { ready, failed: [] }, true);
    }
  };
  const erase = async ({ tenantId, imageId }: Image) => {
    const lookup = await eraseImage(log.database, systemClock, { tenantId, imageId, actor: 'test' });
    if (lookup.state !== 'found') throw new Error(`the image is ${lookup.state}`);
    return lookup.value;
  };
  const sign = () => signErasures({ ...log, clock: systemClock });
  const due = async () => {
    await log.sealAll();
    await log.database.query(`UPDATE erasures SET next_at = '-infinity'`);
    return sign();
  };
  const receiptOf = async (erasureId: string, tenantId = a) =>
    (await getErasure(log.database, tenantId, erasureId))?.receipt;
  const verify = (receipt: unknown) => verifyReceipt({ ...log, publicKeys: [log.key.publicKey] }, receipt);
  const trash = async ({ tenantId, imageId }: Image, days = 7) => {
    const lookup = await trashImage(log.database, systemClock, { tenantId, imageId, actor: 'test', days });
    if (lookup.state !== 'found') throw new Error(`the image is ${lookup.state}`);
    return lookup.value;
  };
  const restore = ({ tenantId, imageId }: Image) =>
    restoreImage(log.database, systemClock, { tenantId, imageId, actor: 'test', transformations: PRESET_TEXTS });
  const age = ({ imageId }: Image) =>
    log.database.query(`UPDATE images SET erase_at = now() - interval '1 s' WHERE image_id = $1`, [imageId]);

  it('ends with a signed receipt of what was removed, and nothing is left', async () => {
    const image = await accept();
    await render(image);
    await log.sealAll();
    const { erasureId, objectKeys } = await erase(image);
    expect(objectKeys).toHaveLength(4);
    expect(await receiptOf(erasureId)).toBeUndefined();
    expect(await due()).toMatchObject({ signed: 1 });
    const signed = await receiptOf(erasureId);
    expect(signed?.receipt).toMatchObject({
      ...{ scope: 'image', imageId: image.imageId, original: 'removed', objectKeys },
      rows: { images: 1, originals: 1, renditions: 3 },
      objects: { original: { objects: 1, bytes: 8 }, rendition: { objects: 3, bytes: 27 } },
      events: { erased: 1, positions: [expect.any(Number)] },
      purged: [image.imageId],
    });
    expect(JSON.stringify(signed)).not.toMatch(/holiday|192\.0\.2\.7|beach/);
    expect(JSON.stringify(signed)).not.toContain(Buffer.from(image.sha256).toString('hex'));
    for (const key of objectKeys) expect(await log.store.stat(key)).toBeUndefined();
    expect(await verify(signed)).toMatchObject({ findings: [], objectsChecked: 4 });
  });

  it('has no receipt while an object of it can be read, whoever crashed in between', async () => {
    const image = await accept();
    const { erasureId, objectKeys } = await erase(image);
    // Nobody came to remove objects, and then the store removes none, as while a backup holds them.
    const held = { ...log, store: holdRemovals(log.store, { query: async () => [{ held: true }] as never }) };
    await log.sealAll();
    expect(await signErasures({ ...held, clock: systemClock })).toMatchObject({ signed: 0 });
    expect(await receiptOf(erasureId)).toBeUndefined();
    expect(await log.store.stat(objectKeys[0] ?? '')).toBeDefined();
    expect(await due()).toMatchObject({ signed: 1 });
    expect((await verify(await receiptOf(erasureId))).findings).toEqual([]);
  });

  it('leaves the original to another image of the same bytes, and says so', async () => {
    const bytes = randomBytes(8);
    const [one, other] = [await accept(bytes), await accept(bytes)];
    const { erasureId } = await erase(one);
    await due();
    const signed = await receiptOf(erasureId);
    expect(signed?.receipt).toMatchObject({ original: 'kept_for_other_images', objectKeys: [], objects: {} });
    expect((await verify(signed)).findings).toEqual([]);
    expect((await erase(other)).objectKeys).toHaveLength(1);
  });

  it('is verified by who signed it, and by what is there', async () => {
    const image = await accept();
    const { erasureId, objectKeys } = await erase(image);
    await due();
    const signed = await receiptOf(erasureId);
    if (!signed) throw new Error('it is signed by now');
    const forged = { ...signed, receipt: { ...signed.receipt, imageId: newId('image', systemClock) } };
    expect((await verify(forged)).findings).toEqual([`it is not signed by a trusted key (${log.key.keyId})`]);
    expect((await verify({ hello: 1 })).findings).toEqual(['it is no receipt of an erasure']);
    const reordered = { ...signed, receipt: Object.fromEntries(Object.entries(signed.receipt).reverse()) };
    expect((await verify(reordered)).findings).toEqual([]);
    const [key = ''] = objectKeys;
    await log.store.put(key, Buffer.from('back'));
    await log.database.query(`INSERT INTO image_tags VALUES ($1, $2, 'back')`, [a, image.imageId]);
    expect((await verify(signed)).findings).toEqual([
      'there is still the tag back',
      `there is still the object ${key}`,
    ]);
    await log.store.remove([key]);
    await log.database.query(`DELETE FROM image_tags WHERE tag = 'back'`);
  });

  it('takes along what an Idempotency-Key and an upload told of the image', async () => {
    const image = await accept();
    const answer = JSON.stringify({ id: image.imageId, filename: 'holiday.jpg' });
    await log.database.query(
      `INSERT INTO idempotency_keys (tenant_id, idempotency_key, state, lease_until, fingerprint, answer)
       VALUES ($1, 'once', 'finished', now(), $2, $3)`,
      [a, randomBytes(32), answer],
    );
    const staged = `${a}/upload/${newId('object', systemClock)}`;
    await log.store.put(staged, Buffer.from('staged'));
    await log.database.query(
      `INSERT INTO uploads (tenant_id, upload_id, kind, state, bytes, filename, tags, object_key, image_id, expires_at)
       VALUES ($1, 'upl_1', 'direct', 'finished', 1, 'holiday.jpg', '{beach}', $2, $3, now() + interval '1 day')`,
      [a, staged, image.imageId],
    );
    const { erasureId, objectKeys } = await erase(image);
    expect(objectKeys).toContain(staged);
    const [row] = await log.database.query(`SELECT answer, fingerprint FROM idempotency_keys`);
    expect(row).toEqual({ answer: { erased: true }, fingerprint: Buffer.from([0]) });
    await due();
    const signed = await receiptOf(erasureId);
    expect(signed?.receipt.rows).toMatchObject({ idempotency_keys: 1, uploads: 1 });
    expect((await verify(signed)).findings).toEqual([]);
  });

  it('out of the trash happens when its time is over, and not before', async () => {
    const image = await accept();
    const { erasesAt, trashedAt } = await trash(image);
    expect(erasesAt.getTime() - trashedAt.getTime()).toBe(7 * 86_400_000);
    const deps = { ...log, clock: systemClock };
    expect(await eraseDue(deps, NEVER)).toBe(0);
    // Nor by a janitor that had seen it due before somebody brought it back.
    const { tenantId, imageId } = image;
    const late = { tenantId, imageId, actor: 'trash', onlyDue: true };
    expect((await eraseImage(log.database, systemClock, late)).state).toBe('missing');
    await age(image);
    expect(await eraseDue(deps, NEVER)).toBe(1);
    expect((await restore(image)).state).toBe('gone');
    const [{ erasureId, actor } = { erasureId: '', actor: '' }] = await listErasures(log.database, a, { limit: 1 });
    expect(actor).toBe('trash');
    await due();
    expect((await verify(await receiptOf(erasureId))).findings).toEqual([]);
  });

  it('of the trash, against a restoration at the same time: one of them wins, and the image is whole or gone', async () => {
    const outcomes = new Set<string>();
    for (let round = 0; round < 3; round += 1) {
      const image = await accept();
      await trash(image);
      await age(image);
      const [erased, restored] = await Promise.all([eraseDue({ ...log, clock: systemClock }, NEVER), restore(image)]);
      outcomes.add(restored.state);
      expect(erased).toBe(restored.state === 'found' ? 0 : 1);
      const [original] = await log.database.query('SELECT FROM originals WHERE original_id = $1', [image.originalId]);
      expect(original !== undefined).toBe(restored.state === 'found');
      const stored = await log.store.list(`${a}/original/`);
      const keys: string[] = [];
      for await (const { key } of stored) keys.push(key);
      const named = await log.database.query<{ object_key: string }>('SELECT object_key FROM originals');
      expect(new Set(keys)).toEqual(new Set(named.map(({ object_key }) => object_key)));
    }
    expect(outcomes.size).toBeGreaterThan(0);
  });

  it('against an upload of the same bytes: the new image has its original', async () => {
    for (let round = 0; round < 3; round += 1) {
      const bytes = randomBytes(8);
      const image = await accept(bytes);
      await trash(image);
      const [erased, again] = await Promise.all([erase(image), accept(bytes)]);
      await log.store.remove(erased.objectKeys);
      const [row] = await log.database.query<{ object_key: string }>(
        'SELECT object_key FROM images JOIN originals USING (tenant_id, original_id) WHERE image_id = $1',
        [again.imageId],
      );
      expect(row && (await log.store.stat(row.object_key))).toBeDefined();
    }
  });

  it('never holds up another tenant’s, nor shows it', async () => {
    const { b } = log.tenants;
    const image = await accept(randomBytes(8), b);
    const { erasureId } = await erase(image);
    const seen = await log.database.asTenant(a, (tx) => getErasure(tx, b, erasureId));
    expect(seen).toBeUndefined();
    expect((await trashImage(log.database, systemClock, { ...image, tenantId: a, actor: 'x', days: 1 })).state).toBe(
      'missing',
    );
    expect((await restore({ ...image, tenantId: a })).state).toBe('missing');
  });
});

describe('the trash', () => {
  let log: TestLog;
  beforeAll(async () => {
    log = await createTestLog();
  });
  afterAll(() => log.close());
  const request = (image: Image) => ({
    tenantId: image.tenantId,
    imageId: image.imageId,
    actor: 'test',
    transformations: PRESET_TEXTS,
  });
  const count = async (table: 'jobs' | 'renditions') =>
    (await log.database.query<{ n: number }>(`SELECT count(*) AS n FROM ${table}`))[0]?.n;

  it('stops the work on what it holds, and a restoration orders it anew', async () => {
    const { image } = await acceptImage(log.database, systemClock, uploadOf(log.tenants.a, randomBytes(8)));
    expect([await count('jobs'), await count('renditions')]).toEqual([1, 3]);
    await trashImage(log.database, systemClock, { ...request(image), days: 1 });
    expect([await count('jobs'), await count('renditions')]).toEqual([0, 0]);
    await restoreImage(log.database, systemClock, request(image));
    expect([await count('jobs'), await count('renditions')]).toEqual([1, 3]);
    // Once more changes nothing.
    expect(await restoreImage(log.database, systemClock, request(image))).toMatchObject({ state: 'found' });
    await deleteImage(log.database, systemClock, request(image));
  });

  it('goes on working for another image of the same bytes', async () => {
    const bytes = randomBytes(8);
    const { image } = await acceptImage(log.database, systemClock, uploadOf(log.tenants.a, bytes));
    const { image: other } = await acceptImage(log.database, systemClock, uploadOf(log.tenants.a, bytes));
    await trashImage(log.database, systemClock, { ...request(image), days: 1 });
    expect(await count('jobs')).toBe(1);
    await deleteImage(log.database, systemClock, request(other));
    // Only the trash holds it now.
    expect(await count('jobs')).toBe(0);
    expect((await restoreImage(log.database, systemClock, request(image))).state).toBe('found');
    expect(await count('jobs')).toBe(1);
    await deleteImage(log.database, systemClock, request(image));
  });

  it('is not emptied by a request that comes twice', async () => {
    const { image } = await acceptImage(log.database, systemClock, uploadOf(log.tenants.a, randomBytes(8)));
    const first = await trashImage(log.database, systemClock, { ...request(image), days: 1 });
    const second = await trashImage(log.database, systemClock, { ...request(image), days: 30 });
    expect(second).toMatchObject({
      state: 'found',
      value: first.state === 'found' && { erasesAt: first.value.erasesAt },
    });
  });
});
