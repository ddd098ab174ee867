import type pg from 'pg';
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { connectAsSuperuser, createTestDatabase, type TestDatabase } from '../../../../test/support/database.ts';
import { insertOriginals, newJob } from '../../../../test/support/queue.ts';
import { systemClock } from '../core/clock.ts';
import { resumeTenant, suspendTenant } from '../tenants/index.ts';
import { claim, complete, countJobs, enqueueLeased, enqueueMany, holdJobs, releaseHeldJobs } from './index.ts';

const JOBS = 2_500;

describe.each([18, 15] as const)('jobs of a suspended tenant, on PostgreSQL %d', (major) => {
  let stand: TestDatabase;
  let superuser: pg.Client;
  let a: string;
  let b: string;
  let signal: AbortSignal;

  beforeAll(async () => {
    stand = await createTestDatabase(major);
    ({ a, b } = stand.tenants);
    signal = new AbortController().signal;
    superuser = await connectAsSuperuser(stand);
  });
  afterAll(async () => {
    await superuser.end();
    await stand.close();
  });
  beforeEach(async () => {
    await superuser.query("DELETE FROM jobs; DELETE FROM tenant_lanes; UPDATE tenants SET status = 'active'");
  });

  const put = async (tenantId: string, count: number) => {
    const originals = await insertOriginals(stand.database, tenantId, count);
    await enqueueMany(
      stand.database,
      originals.map((originalId) => newJob(tenantId, originalId)),
    );
  };
  const act = (tenantId: string) => ({ tenantId, actor: 'operator' });
  const suspend = (id: string) => stand.database.transaction((tx) => suspendTenant(tx, systemClock, act(id), true));
  const resume = (id: string) => stand.database.transaction((tx) => resumeTenant(tx, systemClock, act(id)));
  const take = (jobs: number) => claim(stand.database, 'node_1', jobs);
  const count = async (tenantId: string, state: string): Promise<number> => {
    const { rows } = await superuser.query('SELECT count(*)::int AS n FROM jobs WHERE tenant_id = $1 AND state = $2', [
      tenantId,
      state,
    ]);
    return rows[0]?.n;
  };

  test('are not claimed from the commit on, and another’s behind them do not wait', async () => {
    await put(a, 150);
    await put(b, 5);
    await suspend(a);
    const claimed = await take(5);
    expect(claimed.map(({ tenantId }) => tenantId)).toEqual([b, b, b, b, b]);
    for (let round = 0; round < 10; round += 1) expect(await take(64)).toEqual([]);
    expect(await count(a, 'held')).toBe(150);
  });

  test('end as usual where a worker is at it already', async () => {
    await put(a, 1);
    const [running] = await take(1);
    await suspend(a);
    await holdJobs(stand.database, a, signal);
    expect(running && (await stand.database.transaction((tx) => complete(tx, running)))).toBe(true);
  });

  test('are held in pages, count for no backlog, and all run when it is resumed', async () => {
    await put(a, JOBS);
    await suspend(a);
    expect(await holdJobs(stand.database, a, signal)).toBe(true);
    expect(await count(a, 'held')).toBe(JOBS);
    expect((await countJobs(stand.database)).map(({ queued }) => queued)).toEqual([0, 0, 0]);
    expect((await superuser.query('SELECT sum(backlog_micros)::int AS n FROM count_jobs(1)')).rows).toEqual([{ n: 0 }]);
    expect(await releaseHeldJobs(stand.database, signal)).toBe(0);
    await resume(a);
    expect(await releaseHeldJobs(stand.database, signal)).toBe(JOBS);
    expect(await count(a, 'queued')).toBe(JOBS);
  });

  test('wait their turn when they are released, in their order', async () => {
    await put(a, 40);
    const order = (await superuser.query('SELECT job_id FROM jobs ORDER BY virtual_start')).rows.map((r) => r.job_id);
    await suspend(a);
    await holdJobs(stand.database, a, signal);
    await put(b, 200);
    await take(60);
    await resume(a);
    await releaseHeldJobs(stand.database, signal);
    const next = await take(40);
    const ofA = next.filter(({ tenantId }) => tenantId === a);
    expect(ofA.length).toBeGreaterThanOrEqual(19);
    expect(ofA.length).toBeLessThanOrEqual(21);
    expect(ofA.map(({ jobId }) => jobId)).toEqual(order.slice(0, ofA.length));
  });

  test('are never born leased', async () => {
    const [originalId = ''] = await insertOriginals(stand.database, a, 1);
    await suspend(a);
    const job = newJob(a, originalId, { lane: 'live' });
    const born = await stand.database.asTenant(a, (tx) => enqueueLeased(tx, job, 'node_1'));
    expect(born.leased).toBeUndefined();
    expect(await take(1)).toEqual([]);
  });
});
