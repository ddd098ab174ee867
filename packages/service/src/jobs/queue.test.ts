import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { createTestDatabase, type TestDatabase } from '../../../../test/support/database.ts';
import { insertOriginals, newJob } from '../../../../test/support/queue.ts';
import {
  cancelJobs,
  claim,
  complete,
  countJobs,
  enqueue,
  enqueueMany,
  isHeld,
  listJobs,
  promote,
  reapExpired,
  release,
  renew,
  retryDead,
  tendQueue,
} from './index.ts';

describe.each([18, 15] as const)('the queue on PostgreSQL %d', (major) => {
  let stand: TestDatabase;
  let a: string;

  beforeAll(async () => {
    stand = await createTestDatabase(major);
    a = stand.tenants.a;
  });
  afterAll(() => stand.close());
  beforeEach(() => stand.database.query('DELETE FROM jobs'));

  test('a job goes from the tenant through a worker to its end', async () => {
    const { database } = stand;
    const [original] = await insertOriginals(database, a, 1);
    const job = newJob(a, original as string, { traceparent: '00-trace' });
    expect(await database.asTenant(a, (tx) => enqueue(tx, job))).toEqual({ jobId: job.jobId, joined: false });
    const [claimed] = await claim(database, 'node_1', 3);
    expect(claimed).toMatchObject({ jobId: job.jobId, token: 1, lane: 'normal', traceparent: '00-trace' });
    if (!claimed) return;
    expect(await claim(database, 'node_1', 3)).toEqual([]);
    expect(await renew(database, [claimed])).toHaveLength(1);
    expect(await database.transaction((tx) => isHeld(tx, claimed))).toBe(true);
    expect(await database.transaction((tx) => complete(tx, claimed))).toBe(true);
    expect(await database.transaction((tx) => complete(tx, claimed))).toBe(false);
    expect(await database.asTenant(a, (tx) => listJobs(tx, a))).toEqual([]);
  });

  test('smoke', async () => {
    const { database } = stand;
    const originals = await insertOriginals(database, a, 3);
    const jobs = originals.map((o) => newJob(a, o));
    console.log(await database.asTenant(a, (tx) => enqueueMany(tx, jobs)));
    console.log(await database.asTenant(a, (tx) => enqueue(tx, newJob(a, originals[1] as string, { lane: 'live' }))));
    console.log(await database.query('select * from tenant_lanes'));
    console.log(await database.query('select job_id, lane, virtual_start, cost_micros from jobs'));
    console.log(await database.asTenant(a, (tx) => promote(tx, a, jobs[2]?.jobId ?? '')));
    const [x] = await claim(database, 'n', 1);
    if (!x) throw new Error();
    console.log(x, await release(database, x, { reason: 'retry', cause: { code: 'c', message: 'm' } }, 0.5));
    console.log(await tendQueue(database), await database.transaction(reapExpired), await countJobs(database));
    const [y] = await claim(database, 'n', 1);
    if (!y) throw new Error();
    await release(database, { ...y, solitary: true }, { reason: 'worker_died', message: 'm' }, 0.5);
    console.log(await database.asTenant(a, (tx) => listJobs(tx, a)), await countJobs(database, 2));
    console.log(await database.asTenant(a, (tx) => retryDead(tx, a, y.jobId)));
    console.log(await database.asTenant(a, (tx) => cancelJobs(tx, a, y.originalId)));
  });
});
