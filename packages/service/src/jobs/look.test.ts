import type pg from 'pg';
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { connectAsSuperuser, createTestDatabase, type TestDatabase } from '../../../../test/support/database.ts';
import { insertOriginals, newJob } from '../../../../test/support/queue.ts';
import { claim, enqueue, lookAtQueue, type QueueLook, reapExpired, tendQueue } from './index.ts';

const NOTHING: QueueLook = { isExpired: false, isDue: false, isFloorLow: false, nextDueMs: null, isQueued: false };

describe.each([18, 15] as const)('a look at the queue, on PostgreSQL %d', (major) => {
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
    await superuser.query('DELETE FROM jobs; DELETE FROM tenant_lanes; DELETE FROM parked_nodes');
    // As they are after some seconds in which nothing was claimed.
    await superuser.query(
      `UPDATE lane_floors SET floor = lane_clock(lane), clock_noted = lane_clock(lane), next_at = '-infinity'`,
    );
  });

  const a = () => stand.tenants.a;
  const look = () => lookAtQueue(stand.database);
  const put = async () => {
    const [original = ''] = await insertOriginals(stand.database, a(), 1);
    await stand.database.asTenant(a(), (tx) => enqueue(tx, newJob(a(), original)));
  };
  const lease = async (until: string) => {
    await put();
    await claim(stand.database, 'node_1', 1);
    await superuser.query(`UPDATE jobs SET lease_until = clock_timestamp() + $1::interval WHERE state = 'leased'`, [
      until,
    ]);
    await superuser.query(`UPDATE lane_floors SET floor = lane_clock(lane), clock_noted = lane_clock(lane)`);
  };
  const delay = async (until: string) => {
    await put();
    await superuser.query(`UPDATE jobs SET state = 'delayed', ready_at = clock_timestamp() + $1::interval`, [until]);
  };

  test('finds nothing to do where nothing is', async () => {
    expect(await look()).toEqual(NOTHING);
  });

  test('finds a job that waits, until somebody has claimed it', async () => {
    await put();
    expect(await look()).toEqual({ ...NOTHING, isQueued: true });
    await lease('10 s');
    expect(await look()).toMatchObject({ isExpired: false, isQueued: true });
    await claim(stand.database, 'node_1', 9);
    expect(await look()).toMatchObject({ isExpired: false, isQueued: false });
  });

  test.each(['-1 s', '31 s'])('finds a lease that ends in %s, and not when it was taken back', async (until) => {
    await lease(until);
    expect(await look()).toEqual({ ...NOTHING, isExpired: true });
    expect(await stand.database.transaction(reapExpired)).toHaveLength(1);
    expect(await look()).toEqual({ ...NOTHING, isQueued: true });
  });

  test.each(['-1 s', '61 s'])('finds a delayed job that is due in %s, and not when it is queued', async (until) => {
    await delay(until);
    const found = await look();
    expect(found).toMatchObject({ isDue: true, isQueued: false });
    expect(await tendQueue(stand.database, found)).toMatchObject({ queued: 1 });
    expect(await look()).toEqual({ ...NOTHING, isQueued: true });
  });

  test('tells when the next delayed job falls due', async () => {
    await delay('30 s');
    await put();
    const { nextDueMs, ...rest } = await look();
    expect(rest).toMatchObject({ isDue: false, isQueued: true });
    expect(nextDueMs).toBeGreaterThan(20_000);
    expect(nextDueMs).toBeLessThanOrEqual(30_000);
  });

  test('finds a lane whose floor may follow its clock, until it has', async () => {
    await superuser.query(`SELECT setval('lane_clock_normal', lane_clock('normal') + 1000)`);
    expect(await look()).toEqual({ ...NOTHING, isFloorLow: true });
    for (let turn = 0; turn < 2; turn += 1) {
      await tendQueue(stand.database, await look());
      await superuser.query(`UPDATE lane_floors SET next_at = '-infinity'`);
    }
    expect(await look()).toEqual(NOTHING);
  });
});
