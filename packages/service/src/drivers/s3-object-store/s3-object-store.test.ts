import { randomBytes } from 'node:crypto';
import { Readable } from 'node:stream';
import { buffer } from 'node:stream/consumers';
import {
  CreateMultipartUploadCommand,
  HeadObjectCommand,
  ListMultipartUploadsCommand,
  S3Client,
  UploadPartCommand,
} from '@aws-sdk/client-s3';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { Ceph } from '../../../../../test/support/ceph.ts';
import { CEPH_MISSING, findCeph } from '../../../../../test/support/ceph-packages.ts';
import { systemClock } from '../../core/clock.ts';
import { newId } from '../../core/ids.ts';
import { describeObjectStore } from '../../ports/object-store.contract.ts';
import { ObjectExistsError, type ObjectStore } from '../../ports/object-store.ts';
import { openS3ObjectStore, type S3ObjectStoreOptions } from './index.ts';

const MIB = 1024 * 1024;
const HOUR_MS = 3_600_000;
const freshKey = () => `ten_a/original/${newId('object', systemClock)}`;

describe.runIf(findCeph())('the S3 driver', () => {
  let ceph: Ceph;
  let client: S3Client;
  const optionsFor = (bucket: string): S3ObjectStoreOptions => ({
    bucket,
    region: 'us-east-1',
    endpoint: ceph.endpoint,
    credentials: ceph.user,
  });

  beforeAll(async () => {
    ceph = await Ceph.start();
    const { region, endpoint = '' } = optionsFor('');
    client = new S3Client({ region, endpoint, forcePathStyle: true, credentials: ceph.user });
  });
  afterAll(() => ceph.stop());

  describeObjectStore('S3', async () => {
    const bucket = await ceph.createBucket();
    return { store: await openS3ObjectStore(optionsFor(bucket)), close: () => Promise.resolve() };
  });

  describe('a bucket', () => {
    let bucket: string;
    let store: ObjectStore;
    const uploadsOf = async () =>
      (await client.send(new ListMultipartUploadsCommand({ Bucket: bucket }))).Uploads?.map(({ Key }) => Key) ?? [];

    beforeAll(async () => {
      bucket = await ceph.createBucket();
      store = await openS3ObjectStore(optionsFor(bucket));
    });

    it('can be shared by stores of different prefixes, which see nothing of each other', async () => {
      const [one, other] = await Promise.all(
        ['team', 'team/two'].map((prefix) => openS3ObjectStore({ ...optionsFor(bucket), prefix })),
      );
      const key = freshKey();
      await one?.put(key, Buffer.from('one'));
      await other?.put(key, Buffer.from('other'));
      expect((await buffer((await (one ?? store).read(key)).stream)).toString()).toBe('one');
      await other?.remove([key]);
      expect((await one?.stat(key))?.bytes).toBe(3);
      const { ContentLength } = await client.send(new HeadObjectCommand({ Bucket: bucket, Key: `team/${key}` }));
      expect(ContentLength).toBe(3);
    });

    it('lets one of several writers of a key win, round after round', async () => {
      const other = await openS3ObjectStore(optionsFor(bucket));
      for (let round = 0; round < 10; round += 1) {
        const key = freshKey();
        const puts = [store, other, store, other].map((each) => each.put(key, randomBytes(100)));
        const outcomes = (await Promise.allSettled(puts)).map(({ status }) => status);
        expect(outcomes.filter((status) => status === 'fulfilled')).toHaveLength(1);
      }
    });

    it('keeps the media type that it is told', async () => {
      for (const bytes of [10, 6 * MIB]) {
        const key = freshKey();
        const options = { bytesMax: bytes, contentType: 'image/avif' };
        await store.putStream(key, Readable.from([Buffer.alloc(bytes)]), options);
        const { ContentType } = await client.send(new HeadObjectCommand({ Bucket: bucket, Key: key }));
        expect(ContentType).toBe('image/avif');
      }
    });

    it('keeps no part of a stream that failed or grew too long', async () => {
      const source = new Readable({ read() {} });
      const written = store.putStream(freshKey(), source, { bytesMax: 20 * MIB });
      source.push(randomBytes(11 * MIB));
      await expect.poll(uploadsOf).toHaveLength(1);
      source.destroy(new Error('the client went away'));
      await expect(written).rejects.toThrow('the client went away');
      const long = Readable.from([Buffer.alloc(11 * MIB), Buffer.alloc(1)]);
      await expect(store.putStream(freshKey(), long, { bytesMax: 11 * MIB })).rejects.toThrow('exceeds');
      expect(await uploadsOf()).toEqual([]);
    });

    it('refuses a long stream under a key that was taken while it flowed', async () => {
      const key = freshKey();
      const source = new Readable({ read() {} });
      const written = store.putStream(key, source, { bytesMax: 20 * MIB });
      source.push(randomBytes(6 * MIB));
      await expect.poll(uploadsOf).toHaveLength(1);
      await store.put(key, Buffer.from('first'));
      source.push(null);
      await expect(written).rejects.toThrow(ObjectExistsError);
      expect((await store.stat(key))?.bytes).toBe(5);
      expect(await uploadsOf()).toEqual([]);
    });

    it('is swept of uploads that dead processes left, once no part has come for long', async () => {
      const dead = { Bucket: bucket, Key: freshKey() };
      const begun = await client.send(new CreateMultipartUploadCommand(dead));
      await client.send(
        new UploadPartCommand({ ...dead, UploadId: begun.UploadId, PartNumber: 1, Body: randomBytes(1000) }),
      );
      const clock = { ...systemClock, now: () => systemClock.now() + 2 * HOUR_MS };
      const later = await openS3ObjectStore({ ...optionsFor(bucket), clock });
      const source = new Readable({ read() {} });
      const written = later.putStream(freshKey(), source, { bytesMax: 20 * MIB });
      source.push(randomBytes(6 * MIB));
      await expect.poll(uploadsOf).toHaveLength(2);
      expect(await store.sweepUnfinished?.(HOUR_MS)).toBe(0);
      expect(await later.sweepUnfinished?.(HOUR_MS)).toBe(1);
      expect(await uploadsOf()).not.toContain(dead.Key);
      source.push(null);
      await written;
    });
  });
});

describe.skipIf(findCeph())(`the S3 driver: ${CEPH_MISSING}`, () => {
  it('is not tried', () => undefined);
});
