import { randomBytes } from 'node:crypto';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { Readable } from 'node:stream';
import { buffer } from 'node:stream/consumers';
import { afterAll, afterEach, beforeAll, describe, expect, it, vi } from 'vitest';
import { Ceph } from '../../../../../test/support/ceph.ts';
import { CEPH_MISSING, findCeph } from '../../../../../test/support/ceph-packages.ts';
import { FaultProxy } from '../../../../../test/support/fault-proxy.ts';
import { systemClock } from '../../core/clock.ts';
import { newId } from '../../core/ids.ts';
import {
  ObjectMissingError,
  type ObjectStore,
  OutOfSpaceError,
  StoreUnavailableError,
} from '../../ports/object-store.ts';
import { openS3ObjectStore, type S3ObjectStoreOptions } from './index.ts';

const MIB = 1024 * 1024;
const HOUR_MS = 3_600_000;
const WAIT = { timeout: 20_000 };
const freshKey = () => `ten_faults/original/${newId('object', systemClock)}`;

describe.runIf(findCeph())('an S3 store on a bad day', () => {
  let ceph: Ceph;
  let proxy: FaultProxy;
  let store: ObjectStore;
  let options: S3ObjectStoreOptions;

  const bytesAt = async (key: string) => buffer((await store.read(key)).stream);
  const secondsOf = async (work: () => Promise<unknown>) => {
    const startedAt = systemClock.monotonic();
    await work();
    return (systemClock.monotonic() - startedAt) / 1000;
  };

  beforeAll(async () => {
    ceph = await Ceph.start();
    proxy = await FaultProxy.start({ port: ceph.port });
    options = {
      bucket: await ceph.createBucket(),
      region: 'us-east-1',
      endpoint: `http://127.0.0.1:${proxy.port}`,
      credentials: ceph.user,
    };
    store = await openS3ObjectStore(options);
  });
  afterEach(() => proxy.set(undefined));
  afterAll(async () => {
    await proxy.stop();
    await ceph.stop();
  });

  it('says that nobody listens, and works when somebody does again', async () => {
    const key = freshKey();
    await store.put(key, Buffer.from('kept'));
    await proxy.set({ kind: 'refuse' });
    const tries = [store.put(freshKey(), Buffer.from('x')), store.read(key), store.stat(key), store.remove([key])];
    for (const outcome of await Promise.allSettled(tries)) {
      expect(outcome).toMatchObject({ reason: expect.any(StoreUnavailableError) });
      expect(outcome).toMatchObject({
        reason: { message: expect.stringMatching(/bucket-\S+ at http:\S+ cannot be used: .*ECONNREFUSED/) },
      });
    }
    await expect(store.check()).rejects.toThrow(StoreUnavailableError);
    await proxy.set(undefined);
    expect((await bytesAt(key)).toString()).toBe('kept');
    await store.check();
  });

  it('is not kept up by kept connections that lead nowhere', async () => {
    const key = freshKey();
    await store.put(key, Buffer.from('kept'));
    await Promise.all(Array.from({ length: 8 }, () => store.stat(key)));
    await proxy.set({ kind: 'stall' });
    await proxy.set(undefined);
    // One of eight dead connections is tried, given up after its 5 s, and takes the other seven along.
    expect(await secondsOf(async () => expect((await store.stat(key))?.bytes).toBe(4))).toBeLessThan(9);
  });

  it('reads an object on, over connections that break in the middle', async () => {
    const key = freshKey();
    const body = randomBytes(3 * MIB);
    await store.put(key, body);
    await proxy.set({ kind: 'cut', afterBytes: 1.4 * MIB });
    expect((await bytesAt(key)).equals(body)).toBe(true);
    const range = await store.read(key, { first: 1000, last: 2.5 * MIB });
    expect((await buffer(range.stream)).equals(body.subarray(1000, 2.5 * MIB + 1))).toBe(true);
  });

  it('ends a stream with an error when the connection breaks again and again', async () => {
    const key = freshKey();
    await store.put(key, randomBytes(3 * MIB));
    await proxy.set({ kind: 'cut', afterBytes: 100_000 });
    const { stream } = await store.read(key);
    await expect(buffer(stream)).rejects.toThrow(StoreUnavailableError);
  });

  it('does not read on from another object that took the key meanwhile', async () => {
    const key = freshKey();
    await store.put(key, Buffer.alloc(3 * MIB, 'a'));
    await proxy.set({ kind: 'cut', afterBytes: 1.5 * MIB, times: 1 });
    const { stream } = await store.read(key);
    await store.remove([key]);
    await store.put(key, Buffer.alloc(3 * MIB, 'b'));
    await expect(buffer(stream)).rejects.toThrow(ObjectMissingError);
  });

  it('knows its own write again when the answer to it was lost', async () => {
    for (const bytes of [1000, 11 * MIB]) {
      const key = freshKey();
      const body = randomBytes(bytes);
      await store.stat(key);
      await proxy.set({ kind: 'cut', afterBytes: 0, times: 1 });
      await store.putStream(key, Readable.from([body]), { bytesMax: bytes });
      expect((await bytesAt(key)).equals(body)).toBe(true);
    }
  });

  it('stores a stream over connections of which many break', async () => {
    const key = freshKey();
    const body = randomBytes(12 * MIB);
    await proxy.set({ kind: 'cut', afterBytes: 700 });
    await store.putStream(key, Readable.from([body]), { bytesMax: body.length });
    await proxy.set(undefined);
    expect((await bytesAt(key)).equals(body)).toBe(true);
  });

  it('lets a source wait, two parts in memory, while nothing goes out', async () => {
    let offered = 0;
    const isSecondAsked = Promise.withResolvers<void>();
    const isSilent = Promise.withResolvers<void>();
    const source = new Readable({
      highWaterMark: MIB,
      async read() {
        // A chunk or two of the second part: by then the upload has begun, and its first part is on its way.
        if (offered === 7 * MIB) {
          isSecondAsked.resolve();
          await isSilent.promise;
        }
        offered += MIB;
        this.push(Buffer.alloc(MIB));
      },
    });
    const abort = new AbortController();
    const written = store.putStream(freshKey(), source, { bytesMax: 100 * MIB, signal: abort.signal });
    await isSecondAsked.promise;
    await proxy.set({ kind: 'stall' });
    isSilent.resolve();
    await vi.waitUntil(() => source.isPaused() && offered >= 10 * MIB, WAIT);
    // The first may have gone out before; two are held, and what the source itself has read ahead.
    expect(offered).toBeLessThanOrEqual(17 * MIB);
    abort.abort(new Error('enough'));
    await expect(written).rejects.toThrow('enough');
    source.destroy();
  });

  it('asks a second time when an answer is late, and takes the first that comes', async () => {
    const [key, large] = [freshKey(), freshKey()];
    await store.put(key, Buffer.from('prompt'));
    await store.put(large, randomBytes(3 * MIB));
    for (let reads = 0; reads < 300; reads += 1) await bytesAt(key);
    // New connections: the first is kept busy, so that the next read takes the second, which is slow.
    await proxy.set({ kind: 'refuse' });
    await proxy.set({ kind: 'delay', ms: 4_000, nth: 2 });
    const { stream } = await store.read(large);
    const seconds = await secondsOf(() => bytesAt(key));
    stream.destroy();
    expect(proxy.opened).toBeGreaterThanOrEqual(2);
    expect(seconds).toBeLessThan(4);
  });

  it.each([
    [
      'the access key id',
      { credentials: { accessKeyId: 'NOBODY', secretAccessKey: 'x' } },
      'does not know the access key',
    ],
    ['the bucket', { bucket: 'no-such-bucket' }, 'no-such-bucket at .* cannot be used: the bucket does not exist'],
    ['the endpoint', { endpoint: 'http://127.0.0.1:1' }, 'ECONNREFUSED'],
  ])('does not open when %s is wrong, and says so in one line', async (_, wrong, words) => {
    const opened = openS3ObjectStore({ ...options, ...wrong });
    await expect(opened).rejects.toThrow(StoreUnavailableError);
    await expect(opened).rejects.toThrow(new RegExp(words));
    await expect(opened).rejects.toThrow(/^[^\n]*$/);
  });

  it('does not open with a secret that is wrong, nor tells it', async () => {
    const credentials = { ...ceph.user, secretAccessKey: 'hunter2' };
    const failure = await openS3ObjectStore({ ...options, credentials }).catch((error: unknown) => error);
    expect(failure).toMatchObject({ message: expect.stringContaining('the secret access key does not belong') });
    expect(JSON.stringify(failure) + String((failure as Error).cause)).not.toMatch(`hunter2|${ceph.user.accessKeyId}`);
  });

  it.each([-HOUR_MS, HOUR_MS])('sets its clock by the store’s when it is %i ms off', async (offMs) => {
    vi.useFakeTimers({ toFake: ['Date'], now: Date.now() + offMs });
    try {
      const skewed = await openS3ObjectStore(options);
      const key = freshKey();
      await skewed.put(key, Buffer.from('x'));
      expect((await skewed.stat(key))?.bytes).toBe(1);
    } finally {
      vi.useRealTimers();
    }
  });

  it('tells a full store from a broken one, and still opens on it to read', async () => {
    const bucket = await ceph.createBucket();
    const full = await openS3ObjectStore({ ...options, bucket });
    const key = freshKey();
    await full.put(key, Buffer.from('early'));
    await ceph.admin('quota', 'set', '--quota-scope', 'bucket', '--uid', 'tests', '--max-objects', '1');
    await ceph.admin('quota', 'enable', '--quota-scope', 'bucket', '--uid', 'tests');
    try {
      await vi.waitUntil(
        () =>
          full.put(freshKey(), Buffer.from('x')).then(
            () => false,
            () => true,
          ),
        20_000,
      );
      await expect(full.put(freshKey(), Buffer.from('late'))).rejects.toThrow(OutOfSpaceError);
      await expect(full.check()).rejects.toThrow(OutOfSpaceError);
      const reopened = await openS3ObjectStore({ ...options, bucket });
      expect((await buffer((await reopened.read(key)).stream)).toString()).toBe('early');
    } finally {
      await ceph.admin('quota', 'disable', '--quota-scope', 'bucket', '--uid', 'tests');
    }
  });
});

describe.skipIf(findCeph())(`an S3 store on a bad day: ${CEPH_MISSING}`, () => {
  it('is not tried', () => undefined);
});

describe('an S3 store that answers nothing but 503', () => {
  it('is asked little more often than a store that is well', async () => {
    let asked = 0;
    const server = createServer((request, response) => {
      asked += 1;
      request.resume().on('end', () => response.writeHead(503).end());
    }).listen(0, '127.0.0.1');
    await new Promise((resolve) => server.once('listening', resolve));
    const endpoint = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
    const credentials = { accessKeyId: 'a', secretAccessKey: 'b' };
    try {
      await expect(openS3ObjectStore({ bucket: 'bucket', region: 'none', endpoint, credentials })).rejects.toThrow(
        /cannot be used: it answers 503/,
      );
      expect(asked).toBe(3);
    } finally {
      server.closeAllConnections();
      server.close();
    }
  });
});
