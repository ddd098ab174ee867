import type pg from 'pg';
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import {
  connectAsSuperuser,
  createTestDatabase,
  TENANT_A,
  TENANT_B,
  type TestDatabase,
} from '../../../../test/support/database.ts';
import { insertOriginals, newJob } from '../../../../test/support/queue.ts';
import {
  type ClaimedJob,
  claim,
  complete,
  enqueue,
  enqueueMany,
  type Lane,
  promote,
  release,
  tendQueue,
} from './index.ts';

describe.each([18, 15] as const)('the order of claims on PostgreSQL %d', (major) => {
  let stand: TestDatabase;
  let superuser: pg.Client;

  beforeAll(async () => {
    stand = await createTestDatabase(major);
    superuser = await connectAsSuperuser(stand);
  });
  afterAll(async () => {
    await superuser.end();
    await stand.close();
  });
  beforeEach(async () => {
    await superuser.query(`DELETE FROM jobs; DELETE FROM tenant_lanes; UPDATE tenants SET weight = 1;
      ALTER SEQUENCE claim_tickets RESTART`);
  });

  const fill = async (tenant: string, count: number, lane: Lane = 'normal', costMicros = 1_000_000) => {
    const originals = await insertOriginals(stand.database, tenant, count);
    const jobs = originals.map((original) => newJob(tenant, original, { lane, costMicros }));
    for (let at = 0; at < jobs.length; at += 5_000) {
      await stand.database.asTenant(tenant, (tx) => enqueueMany(tx, jobs.slice(at, at + 5_000)));
    }
    return jobs;
  };
  const take = async (count: number): Promise<ClaimedJob[]> => {
    const claimed: ClaimedJob[] = [];
    while (claimed.length < count) {
      const [next] = await claim(stand.database, 'node_1', 1);
      if (!next) break;
      claimed.push(next);
    }
    return claimed;
  };
  const shareOf = (claimed: ClaimedJob[], tenant: string) => claimed.filter((job) => job.tenantId === tenant).length;

  test('a small tenant’s job is next, whatever another has queued', async () => {
    await fill(TENANT_A, 10_000);
    await take(3);
    const [small] = await fill(TENANT_B, 1);
    const next = await take(2);
    expect(next.map(({ jobId }) => jobId)).toContain(small?.jobId);
  });

  test('two tenants take turns, by work and not by number', async () => {
    await fill(TENANT_A, 60, 'normal', 1_000_000);
    await fill(TENANT_B, 60, 'normal', 3_000_000);
    const claimed = await take(40);
    expect(shareOf(claimed, TENANT_A)).toBeGreaterThanOrEqual(29);
    expect(shareOf(claimed, TENANT_A)).toBeLessThanOrEqual(31);
  });

  test('a weight of 3 gets three times the share of 1', async () => {
    await superuser.query('UPDATE tenants SET weight = 3 WHERE tenant_id = $1', [TENANT_B]);
    await fill(TENANT_A, 100);
    await fill(TENANT_B, 100);
    const claimed = await take(80);
    expect(shareOf(claimed, TENANT_B)).toBeGreaterThanOrEqual(59);
    expect(shareOf(claimed, TENANT_B)).toBeLessThanOrEqual(61);
  });

  test('a tenant who was idle gets no credit for it', async () => {
    await fill(TENANT_A, 150);
    await take(100);
    await fill(TENANT_B, 50);
    const claimed = await take(20);
    expect(shareOf(claimed, TENANT_B)).toBeGreaterThanOrEqual(9);
    expect(shareOf(claimed, TENANT_B)).toBeLessThanOrEqual(11);
  });

  test('one tenant’s jobs of a lane go first in, first out, enqueued singly or together', async () => {
    const [x, y] = await insertOriginals(stand.database, TENANT_A, 2);
    const [first, last] = [newJob(TENANT_A, x ?? ''), newJob(TENANT_A, y ?? '')];
    await stand.database.asTenant(TENANT_A, (tx) => enqueue(tx, first));
    const between = await fill(TENANT_A, 5);
    await stand.database.asTenant(TENANT_A, (tx) => enqueue(tx, last));
    expect((await take(7)).map(({ jobId }) => jobId)).toEqual([first, ...between, last].map(({ jobId }) => jobId));
  });

  test('lanes share 90 to 9 to 1 while all have work, and none starves', async () => {
    await fill(TENANT_A, 300, 'live');
    await fill(TENANT_A, 300, 'normal');
    await fill(TENANT_A, 300, 'batch');
    const claimed = await take(200);
    const count = (lane: Lane) => claimed.filter((job) => job.lane === lane).length;
    expect([count('live'), count('normal'), count('batch')]).toEqual([180, 18, 2]);
  });

  test('an empty lane’s turns go to the others', async () => {
    await fill(TENANT_A, 200, 'normal');
    await fill(TENANT_A, 200, 'batch');
    const claimed = await take(200);
    expect(claimed.filter((job) => job.lane === 'batch')).toHaveLength(20);
  });

  test('a promoted job is claimed before all that wait in normal', async () => {
    const jobs = await fill(TENANT_A, 50);
    const chosen = jobs[40]?.jobId ?? '';
    await stand.database.asTenant(TENANT_A, (tx) => promote(tx, TENANT_A, chosen));
    expect(await take(1)).toMatchObject([{ jobId: chosen, lane: 'live' }]);
  });

  test('a tenant who promotes his whole backlog shares live with another’s one job', async () => {
    const jobs = await fill(TENANT_A, 30);
    for (const { jobId } of jobs) await stand.database.asTenant(TENANT_A, (tx) => promote(tx, TENANT_A, jobId));
    const [urgent] = await fill(TENANT_B, 1, 'live');
    expect((await take(2)).map(({ jobId }) => jobId)).toContain(urgent?.jobId);
  });

  test('promotion moves the charge once, however many ask at once', async () => {
    const [job] = await fill(TENANT_A, 1);
    const asked = Array.from({ length: 8 }, () =>
      stand.database.asTenant(TENANT_A, (tx) => promote(tx, TENANT_A, job?.jobId ?? '')),
    );
    expect((await Promise.all(asked)).filter(Boolean)).toHaveLength(1);
    const { rows } = await superuser.query('SELECT lane, virtual_charged FROM tenant_lanes ORDER BY lane');
    expect(rows).toEqual([
      { lane: 'live', virtual_charged: 1_000_000 },
      { lane: 'normal', virtual_charged: 0 },
    ]);
  });

  test('a leased job is not promoted', async () => {
    const [job] = await fill(TENANT_A, 1);
    await take(1);
    expect(await stand.database.asTenant(TENANT_A, (tx) => promote(tx, TENANT_A, job?.jobId ?? ''))).toBe(false);
  });

  test('a job given back is at the head again', async () => {
    await fill(TENANT_A, 20);
    const [first] = await take(5);
    if (!first) throw new Error('nothing claimed');
    await release(stand.database, first, { reason: 'drain' }, 0);
    const again = (await take(2)).map(({ jobId }) => jobId);
    expect(again).toContain(first.jobId);
  });

  test('a job committed long after the lane’s clock passed it is lifted and claimed', async () => {
    const jobs = await fill(TENANT_A, 10);
    await take(9);
    const late = jobs[9]?.jobId ?? '';
    // As if its slow transaction had read the clock long ago; the floor has followed the clock twice since.
    await superuser.query('UPDATE jobs SET virtual_start = 0 WHERE job_id = $1', [late]);
    for (let round = 0; round < 3; round++) {
      await tendQueue(stand.database);
      await superuser.query(`UPDATE lane_floors SET next_at = '-infinity'`);
    }
    const { rows } = await superuser.query(`SELECT floor FROM lane_floors WHERE lane = 'normal'`);
    expect(rows[0].floor).toBeGreaterThan(0);
    expect(await take(1)).toMatchObject([{ jobId: late }]);
  });

  test('a clock that was restored to an earlier value takes the floor along', async () => {
    await fill(TENANT_A, 10);
    for (const job of await take(10)) await stand.database.transaction((tx) => complete(tx, job));
    for (let round = 0; round < 3; round++) {
      await superuser.query(`UPDATE lane_floors SET next_at = '-infinity'`);
      await tendQueue(stand.database);
    }
    await superuser.query(`SELECT setval('lane_clock_normal', 5); UPDATE lane_floors SET next_at = '-infinity'`);
    await tendQueue(stand.database);
    await fill(TENANT_B, 1);
    expect(await take(1)).toHaveLength(1);
  });
});
