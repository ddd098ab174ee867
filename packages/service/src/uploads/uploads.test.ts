import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { createTestDatabase, type TestDatabase } from '../../../../test/support/database.ts';
import { systemClock } from '../core/clock.ts';
import { newId } from '../core/ids.ts';
import { openFsObjectStore } from '../drivers/fs-object-store/index.ts';
import { ObjectSweep } from '../images/index.ts';
import type { ObjectStore } from '../ports/object-store.ts';
import {
  addPart,
  createUploadToken,
  findUploadToken,
  finishUpload,
  getUpload,
  listParts,
  newUploadTokenSecret,
  openUpload,
  releaseUpload,
  removeUpload,
  renewUpload,
  spendUploadToken,
  sweepUploads,
  takeUpload,
  type UploadHold,
} from './index.ts';

const LEASE_SECONDS = 5;

describe('An upload of several requests', () => {
  let test: TestDatabase;
  let folder: string;
  let store: ObjectStore;
  let hold: UploadHold;
  let tenantId: string;

  const open = async (options: { expiresInSeconds?: number; leaseSeconds?: number } = {}) => {
    const uploadId = newId('upload', systemClock);
    const plain = { uploadId, tenantId, kind: 'resumable', bytes: 100, tags: [] } as const;
    const life = { expiresInSeconds: 60, leaseSeconds: LEASE_SECONDS, ...options };
    return (await openUpload(test.database, { ...plain, ...life })).hold;
  };
  const stage = async (first: number, bytes: number) => {
    const objectKey = `${tenantId}/upload/${newId('object', systemClock)}`;
    await store.put(objectKey, Buffer.alloc(bytes));
    return { first, bytes, objectKey };
  };
  const expire = () =>
    test.database.query(`UPDATE uploads SET lease_until = now() - interval '1 ms' WHERE upload_id = $1`, [
      hold.uploadId,
    ]);

  beforeAll(async () => {
    test = await createTestDatabase();
    tenantId = test.tenants.a;
    folder = await mkdtemp(join(tmpdir(), 'safelight-uploads-'));
    store = await openFsObjectStore({ directory: folder });
  });
  afterAll(async () => {
    await test.close();
    await rm(folder, { recursive: true, force: true });
  });
  beforeEach(async () => {
    hold = await open();
  });

  it('is held by one request, which hears that another waits', async () => {
    const { uploadId } = hold;
    expect(await renewUpload(test.database, hold, LEASE_SECONDS)).toBe('held');
    expect(await takeUpload(test.database, tenantId, uploadId, LEASE_SECONDS)).toBe('held');
    expect(await renewUpload(test.database, hold, LEASE_SECONDS)).toBe('wanted');
    await releaseUpload(test.database, hold);
    expect(await takeUpload(test.database, tenantId, uploadId, LEASE_SECONDS)).toEqual({ ...hold, token: 2 });
    expect(await renewUpload(test.database, hold, LEASE_SECONDS)).toBe('lost');
  });

  it('is taken over when its holder is gone, and when a clock was set back', async () => {
    await expire();
    const next = await takeUpload(test.database, tenantId, hold.uploadId, LEASE_SECONDS);
    expect(next).toMatchObject({ token: 2 });
    await test.database.query(`UPDATE uploads SET lease_until = now() + interval '1 year'`);
    expect(await takeUpload(test.database, tenantId, hold.uploadId, LEASE_SECONDS)).toMatchObject({ token: 3 });
  });

  it('is not there for another tenant', async () => {
    await releaseUpload(test.database, hold);
    expect(await getUpload(test.database, test.tenants.b, hold.uploadId)).toBeUndefined();
    expect(await takeUpload(test.database, test.tenants.b, hold.uploadId, LEASE_SECONDS)).toBe('missing');
  });

  it('grows by what follows, and by its holder alone', async () => {
    await addPart(test.database, hold, await stage(0, 40));
    await expect(addPart(test.database, hold, await stage(30, 10))).rejects.toThrow('held by another');
    await expect(addPart(test.database, hold, await stage(50, 10))).rejects.toThrow('held by another');
    await expire();
    const next = (await takeUpload(test.database, tenantId, hold.uploadId, LEASE_SECONDS)) as UploadHold;
    // Who was paused, and wakes up, has lost it.
    await expect(addPart(test.database, hold, await stage(40, 10))).rejects.toThrow('held by another');
    await addPart(test.database, next, await stage(40, 10));
    expect((await getUpload(test.database, tenantId, hold.uploadId))?.received).toBe(50);
    expect((await listParts(test.database, tenantId, hold.uploadId)).map(({ bytes }) => bytes)).toEqual([40, 10]);
  });

  it('is finished once, by its holder', async () => {
    const { objectKey } = await stage(0, 40);
    await addPart(test.database, hold, { first: 0, bytes: 40, objectKey });
    const finish = (by: UploadHold, image: string) =>
      test.database.asTenant(tenantId, (tx) => finishUpload(tx, by, image));
    await expire();
    const next = (await takeUpload(test.database, tenantId, hold.uploadId, LEASE_SECONDS)) as UploadHold;
    await expect(finish(hold, 'img_1')).rejects.toThrow('held by another');
    expect(await finish(next, 'img_2')).toEqual([objectKey]);
    await expect(finish(next, 'img_3')).rejects.toThrow('over');
    expect(await getUpload(test.database, tenantId, hold.uploadId)).toMatchObject({ imageId: 'img_2', received: 100 });
  });

  it('keeps its parts from the janitor while it lasts, and leaves nothing when its time is over', async () => {
    const part = await stage(0, 40);
    await addPart(test.database, hold, part);
    const old = { ...systemClock, now: () => Date.now() + 7_200_000, monotonic: () => clockMs };
    let clockMs = 0;
    const sweep = new ObjectSweep({ database: test.database, store, clock: old });
    await sweep.sweep(3_600_000);
    clockMs = 3_600_000;
    await sweep.sweep(3_600_000);
    expect(await store.stat(part.objectKey)).toBeDefined();
    await test.database.query(`UPDATE uploads SET expires_at = now() - interval '1 s' WHERE upload_id = $1`, [
      hold.uploadId,
    ]);
    // Somebody still writes: the next sweep.
    expect(await sweepUploads({ database: test.database, store })).toBe(0);
    await expire();
    expect(await sweepUploads({ database: test.database, store })).toBeGreaterThan(0);
    expect(await store.stat(part.objectKey)).toBeUndefined();
    expect(await getUpload(test.database, tenantId, hold.uploadId)).toBeUndefined();
    await expect(addPart(test.database, hold, await stage(40, 10))).rejects.toThrow('over');
  });

  it('is removed by its holder with what was staged', async () => {
    const part = await stage(0, 40);
    await addPart(test.database, hold, part);
    await expect(removeUpload(test.database, { ...hold, token: 7 })).rejects.toThrow('held by another');
    expect(await listParts(test.database, tenantId, hold.uploadId)).toHaveLength(1);
    expect(await removeUpload(test.database, hold)).toEqual([part.objectKey]);
  });

  it('may be begun so often and no more', async () => {
    await test.database.query(
      `INSERT INTO uploads (tenant_id, upload_id, kind, bytes, tags, expires_at)
       SELECT $1, 'upl_' || n, 'resumable', 1, '{}', now() + interval '1 h' FROM generate_series(1, 1000) n`,
      [test.tenants.b],
    );
    tenantId = test.tenants.b;
    await expect(open()).rejects.toThrow('too many');
    tenantId = test.tenants.a;
    await open();
  });
});

describe('An upload token', () => {
  let test: TestDatabase;
  beforeAll(async () => {
    test = await createTestDatabase();
  });
  afterAll(() => test.close());

  it('is known by its secret until its end, and allows as many images as it says, however many race', async () => {
    const { database, tenants } = test;
    const secret = newUploadTokenSecret(systemClock);
    const what = { bytesMax: 1_000, imagesMax: 2, formats: ['png'], tags: ['web'], origin: undefined };
    const who = { tenantId: tenants.a, actor: 'key_1', secret, expiresInSeconds: 60 };
    const { tokenId } = await createUploadToken(database, systemClock, { ...what, ...who });
    expect(await findUploadToken(database, secret)).toEqual({ ...what, tenantId: tenants.a, tokenId, images: 0 });
    expect(await findUploadToken(database, newUploadTokenSecret(systemClock))).toBeUndefined();
    expect(await findUploadToken(database, 'slup_')).toBeUndefined();
    const spend = () => database.asTenant(tenants.a, (tx) => spendUploadToken(tx, tenants.a, tokenId));
    const spent = await Promise.allSettled([spend(), spend(), spend(), spend()]);
    expect(spent.filter(({ status }) => status === 'fulfilled')).toHaveLength(2);
    await database.query(`UPDATE upload_tokens SET expires_at = now() - interval '1 s'`);
    expect(await findUploadToken(database, secret)).toBeUndefined();
  });
});
