import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import pino from 'pino';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { photo } from '../../../../scripts/make-pictures.ts';
import { createTestDatabase, type TestDatabase } from '../../../../test/support/database.ts';
import { until } from '../../../../test/support/until.ts';
import { sourceFacts, uploadOf } from '../../../../test/support/uploads.ts';
import { systemClock } from '../core/clock.ts';
import { newId } from '../core/ids.ts';
import { openFsObjectStore } from '../drivers/fs-object-store/index.ts';
import { acceptImage } from '../images/index.ts';
import { type ObjectStore, OutOfSpaceError } from '../ports/object-store.ts';
import { BOUNDS_DEFAULT } from '../renditions/index.ts';
import { createMetrics } from '../telemetry/metrics.ts';
import { startWorkerRole, type WorkerRole } from './worker.ts';

const JOBS = 4;
const PRESETS = {
  current: new Map([['one', { name: 'one', version: 1, transformation: 'w=64', onUpload: true }]]),
  former: new Map(),
};

let test: TestDatabase;
let directory: string;
let role: WorkerRole;
/** What lets go of each output that waits to be stored, in their order. */
let waiting: ((failure?: Error) => void)[];

beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), 'safelight-worker-role-'));
  test = await createTestDatabase();
  waiting = [];
  const store = await openFsObjectStore({ directory: join(directory, 'objects') });
  const put: ObjectStore['put'] = async (key, bytes) => {
    const { promise, resolve, reject } = Promise.withResolvers<void>();
    waiting.push((failure) => (failure ? reject(failure) : resolve()));
    await promise;
    await store.put(key, bytes);
  };
  const slow = new Proxy(store, {
    get: (target, name) => {
      const member: unknown = name === 'put' ? put : Reflect.get(target, name);
      return typeof member === 'function' ? member.bind(target) : member;
    },
  });
  const picture = await photo(640, 480).jpeg().toBuffer();
  for (let job = 0; job < JOBS; job += 1) {
    const upload = uploadOf(test.tenants.a, Buffer.concat([picture, Buffer.from(`${job}`)]));
    await store.put(upload.objectKey, picture);
    const facts = { ...sourceFacts(), width: 640, height: 480, bytes: picture.length };
    await acceptImage(test.database, systemClock, { ...upload, facts, presets: PRESETS });
  }
  role = await startWorkerRole({
    database: test.database,
    clock: systemClock,
    store: slow,
    log: pino({ level: 'silent' }),
    metrics: createMetrics(),
    nodeId: newId('node', systemClock),
    supervisors: () => 1,
    workers: 1,
    memoryBytes: 4e9,
    rssBytesMax: 4e9,
    bounds: BOUNDS_DEFAULT,
    isolation: { uidBase: undefined, unsharePath: undefined },
    scratchDirectory: join(directory, 'scratch'),
    onEnded: () => undefined,
  });
});
afterEach(async () => {
  const stopping = role.stop(10_000);
  for (const store of waiting) store();
  await stopping;
  await test.close();
  await rm(directory, { recursive: true });
});

const jobs = async (state: string) => (await test.database.query('SELECT FROM jobs WHERE state = $1', [state])).length;
const ready = async () => (await test.database.query(`SELECT FROM renditions WHERE state = 'ready'`)).length;

describe('a worker whose output is being stored', () => {
  it('makes the next, and gets no further ahead than that', async () => {
    await until('two outputs wait', () => waiting.length === 2);
    // The second has left its worker only when the first is stored: nobody has asked for a third.
    expect([await jobs('leased'), await jobs('queued'), await ready()]).toEqual([2, 2, 0]);
    expect(role.counts()).toMatchObject({ busy: 1, idle: 0 });
    waiting[0]?.();
    await until('a third output waits', () => waiting.length === 3);
    expect([await jobs('leased'), await jobs('queued'), await ready()]).toEqual([2, 1, 1]);
    waiting[1]?.();
    waiting[2]?.();
    await until('the last output waits', () => waiting.length === JOBS);
    waiting[3]?.();
    await until('all are made', async () => (await ready()) === JOBS);
  });

  it('is not what is killed when that job is lost, nor waited for when it fails', async () => {
    await until('two outputs wait', () => waiting.length === 2);
    const [pid] = role.pids();
    waiting[0]?.(new OutOfSpaceError('no room'));
    // The first is made again, behind the others or before them: every output is stored in the end, by the same process.
    await until('all are made', async () => {
      for (const store of waiting.splice(1)) store();
      return (await ready()) === JOBS;
    });
    expect(role.pids()).toEqual([pid]);
  });
});
