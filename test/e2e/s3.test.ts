import { createHash } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { DirectUpload, Image } from '@safelight/contract';
import { createClient } from '@safelight/sdk';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { DATABASE_URL_FILE } from '../../packages/service/src/db/open.ts';
import { openS3ObjectStore } from '../../packages/service/src/drivers/s3-object-store/index.ts';
import type { ObjectStore } from '../../packages/service/src/ports/object-store.ts';
import { expectImage, expectProblem, sendImage } from '../support/answers.ts';
import { Ceph } from '../support/ceph.ts';
import { CEPH_MISSING, findCeph } from '../support/ceph-packages.ts';
import { runCommand } from '../support/command.ts';
import { FaultProxy } from '../support/fault-proxy.ts';
import { openJobs } from '../support/leftovers.ts';
import { withNodeDatabase } from '../support/node-database.ts';
import { smallPhoto, unlike } from '../support/pictures.ts';
import { awaitWorkers } from '../support/processes.ts';
import { Safelight } from '../support/safelight.ts';
import { until } from '../support/until.ts';

const MIB = 1024 * 1024;

describe.runIf(findCeph())('a node whose objects lie in S3', () => {
  let ceph: Ceph;
  let proxy: FaultProxy;
  let node: Safelight;
  let store: ObjectStore;
  let photo: Buffer;
  let env: Record<string, string>;

  beforeAll(async () => {
    ceph = await Ceph.start();
    proxy = await FaultProxy.start({ port: ceph.port });
    const bucket = await ceph.createBucket();
    const endpoint = `http://127.0.0.1:${proxy.port}`;
    const { accessKeyId, secretAccessKey } = ceph.user;
    env = {
      SAFELIGHT_OBJECTS: `s3://${bucket}?endpoint=${endpoint}&prefix=here`,
      AWS_ACCESS_KEY_ID: accessKeyId,
      AWS_SECRET_ACCESS_KEY: secretAccessKey,
      SAFELIGHT_WORKERS: '1',
      // Every delivery asks the store.
      SAFELIGHT_DELIVERY_CACHE_BYTES: '0',
    };
    node = await Safelight.start({ env });
    const place = { bucket, prefix: 'here', endpoint: ceph.endpoint, region: 'us-east-1' };
    store = await openS3ObjectStore({ ...place, credentials: ceph.user });
    photo = await smallPhoto();
  });
  afterAll(async () => {
    await node.close();
    await proxy.stop();
    await ceph.stop();
  });

  const keysStored = async () => {
    const keys: string[] = [];
    for await (const { key } of store.list('ten_')) keys.push(key);
    return keys.sort();
  };
  const keysInRows = async () => {
    const rows = await withNodeDatabase(node, (database) =>
      database.query<{ object_key: string }>(
        `SELECT object_key FROM originals UNION ALL SELECT object_key FROM renditions WHERE object_key IS NOT NULL`,
      ),
    );
    return rows.map(({ object_key }) => object_key).sort();
  };
  const upload = async (bytes: Uint8Array, query = '?wait=30'): Promise<Image> =>
    expectImage(await sendImage(node, bytes, query));
  const originalOf = async ({ urls }: Image, init: RequestInit = {}) => fetch(urls.original ?? '', init);

  it('takes pictures, renders them, delivers whole and in part, and keeps what its rows name and nothing else', async () => {
    const image = await upload(photo);
    expect(image.renditions.map(({ state }) => state)).toEqual(image.renditions.map(() => 'ready'));
    for (const { url, bytes } of image.renditions) {
      const answer = await fetch(url);
      expect([answer.status, (await answer.arrayBuffer()).byteLength]).toEqual([200, bytes]);
    }
    const original = await originalOf(image);
    expect(Buffer.from(await original.arrayBuffer()).equals(photo)).toBe(true);
    const part = await originalOf(image, { headers: { range: 'bytes=1000-1999' } });
    expect(part.status).toBe(206);
    expect(Buffer.from(await part.arrayBuffer()).equals(photo.subarray(1000, 2000))).toBe(true);
    expect(await keysStored()).toEqual(await keysInRows());
  });

  it('takes a picture of several parts', async () => {
    const large = Buffer.concat([await smallPhoto(), Buffer.alloc(11 * MIB, 'after the end')]);
    const image = await upload(large);
    const original = await originalOf(image);
    expect(Buffer.from(await original.arrayBuffer()).equals(large)).toBe(true);
  });

  it('takes what its client put into the bucket by itself, and nothing that was not looked at', async () => {
    const client = createClient({ baseUrl: node.url, key: await node.demoKey() });
    const bytes = unlike(photo);
    const image = await client.uploads.direct(new Blob([Uint8Array.from(bytes)]), { filename: 'direct.jpg' });
    const sha256 = createHash('sha256').update(bytes).digest('hex');
    expect(image).toMatchObject({ sha256, filename: 'direct.jpg', bytes: bytes.length });
    const call = (path: string, body?: unknown) =>
      node.fetch(`/v1/uploads/direct${path}`, {
        method: 'POST',
        ...(body !== undefined && { headers: { 'content-type': 'application/json' }, body: JSON.stringify(body) }),
      });
    const begin = async (wish: unknown) => (await (await call('', wish)).json()) as DirectUpload;
    const put = ({ url, headers }: DirectUpload, body: Uint8Array) =>
      fetch(url, { method: 'PUT', headers, body: Uint8Array.from(body) });
    await expectProblem(await call('', { bytes: 65 * MIB }), 'upload_too_large');
    const begun = await begin({ bytes: bytes.length });
    await expectProblem(await call(`/${begun.id}/complete`), 'upload_bytes_missing');
    expect((await put(begun, Buffer.concat([bytes, Buffer.alloc(1)]))).status).toBe(403);
    expect((await put(begun, bytes)).status).toBe(200);
    const [one, other] = await Promise.all([call(`/${begun.id}/complete`), call(`/${begun.id}/complete`)]);
    const { id, urls } = await expectImage(one);
    expect((await expectImage(other)).id).toBe(id);
    // Whoever still has the URL overwrites what is no more than staging.
    await put(begun, Buffer.alloc(bytes.length));
    expect(Buffer.from(await (await fetch(urls.original ?? '')).arrayBuffer()).equals(bytes)).toBe(true);
    await store.remove((await keysStored()).filter((key) => key.includes('/upload/')));
    const nonsense = await begin({ bytes: 5 });
    await put(nonsense, Buffer.from('hello'));
    await expectProblem(await call(`/${nonsense.id}/complete`), 'image_invalid');
    await expectProblem(await call(`/${nonsense.id}/complete`), 'upload_gone');
    const changed = await begin({ bytes: bytes.length, sha256: '0'.repeat(64) });
    // Not every store looks at the digest; we do.
    await put({ ...changed, headers: changed.headers }, bytes);
    const refused = (await call(`/${changed.id}/complete`)).status;
    expect([409, 422]).toContain(refused);
    await until('nothing is left in staging', async () =>
      (await keysStored()).every((key) => !key.includes('/upload/')),
    );
    await until('no job is open', async () => (await openJobs(node)).length === 0, 30_000);
  });

  it('removes the objects of a deleted picture', async () => {
    const image = await upload(unlike(photo));
    const before = (await keysStored()).length;
    expect((await node.fetch(`/v1/images/${image.id}`, { method: 'DELETE' })).status).toBe(200);
    expect((await keysStored()).length).toBe(before - image.renditions.length - 1);
    expect(await keysStored()).toEqual(await keysInRows());
  });

  it('answers 503 while the store is away, and goes on when it is back, jobs included', async () => {
    const before = await upload(unlike(photo));
    const [worker = 0] = await awaitWorkers(node, 1);
    process.kill(worker, 'SIGSTOP');
    const waiting = await upload(unlike(photo), '');
    await proxy.set({ kind: 'refuse' });
    process.kill(worker, 'SIGCONT');
    await expectProblem(await sendImage(node, unlike(photo)), 'storage_unavailable');
    await expectProblem(await originalOf(before), 'storage_unavailable');
    await until('readiness tells', async () => (await fetch(`${node.url}/readyz`)).status === 503);
    await until('the job of the picture is tried in vain', () => node.output.includes('a job was given back'));
    await proxy.set(undefined);
    await until('readiness tells', async () => (await fetch(`${node.url}/readyz`)).status === 200);
    expect((await originalOf(before)).status).toBe(200);
    await until('no job is open', async () => (await openJobs(node)).length === 0, 30_000);
    const { renditions } = await expectImage(await node.fetch(`/v1/images/${waiting.id}`));
    expect(renditions.map(({ state }) => state)).toEqual(renditions.map(() => 'ready'));
    expect((await upload(unlike(photo))).renditions.every(({ state }) => state === 'ready')).toBe(true);
    expect(await keysStored()).toEqual(await keysInRows());
  });

  it('does not start on a bucket that is not there, and says so in one line without secrets', async () => {
    const DATABASE_URL = (await readFile(join(node.data, DATABASE_URL_FILE), 'utf8')).trim();
    const settings = { ...env, DATABASE_URL, SAFELIGHT_DATA: join(node.data, 'other'), SAFELIGHT_PORT: '0' };
    const missing = { ...settings, SAFELIGHT_OBJECTS: `s3://not-there?endpoint=${ceph.endpoint}` };
    const ran = await runCommand(['serve'], missing);
    expect(ran.code).toBe(1);
    expect(ran.stderr.trim()).toMatch(
      /^[^\n]*the bucket not-there at http\S+ cannot be used: the bucket does not exist$/,
    );
    expect(ran.stderr).not.toContain(ceph.user.secretAccessKey);
  });
});

describe.skipIf(findCeph())(`a node whose objects lie in S3: ${CEPH_MISSING}`, () => {
  it('is not tried', () => undefined);
});
