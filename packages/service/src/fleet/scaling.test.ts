import pg from 'pg';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { createTestDatabase, TENANT_A, type TestDatabase } from '../../../../test/support/database.ts';
import { insertOriginals, newJob } from '../../../../test/support/queue.ts';
import { systemClock } from '../core/clock.ts';
import { claim, enqueueMany } from '../jobs/index.ts';
import { recordNode } from './node.ts';
import { decide, type Observations, SCALING_POLICY_DEFAULT } from './policy.ts';
import { keepDecision, listDecisions } from './scaling.ts';
import { FleetObserver, type ManagedMachines } from './scaling-observe.ts';

const machines: ManagedMachines = {
  owns: ({ host }) => host.startsWith('pooled-'),
  workersOrdered: 6,
  startSeconds: 2,
  connectionsPerWorker: 4,
  claimsPerWorker: 2,
  costPerWorkerHour: 0.05,
};

describe.each([18, 15] as const)('the autoscaler’s records, on PostgreSQL %i', (major) => {
  let db: TestDatabase;
  let seen: Observations;

  beforeAll(async () => {
    db = await createTestDatabase(major);
  });
  afterAll(() => db.close());

  async function register(nodeId: string, given: { host: string; state: 'starting' | 'up' | 'draining' }) {
    const common = { version: '0.1.0', schemaVersion: 1, memoryBytes: 1, address: null, bootId: `boot_${nodeId}` };
    await recordNode(db.database, { ...common, ...given, nodeId, roles: ['worker'], workerProcesses: 2 }, true);
  }

  it('see an idle installation as one', async () => {
    const { observations, workersUnmanaged } = await new FleetObserver(db.database, systemClock).look({
      ...machines,
      workersOrdered: 0,
    });
    expect(workersUnmanaged).toBe(0);
    expect(observations).toMatchObject({
      jobsQueued: 0,
      workersReady: 0,
      workersStarting: 0,
      secondsSinceUp: Number.POSITIVE_INFINITY,
      workSecondsPerSecond: 1,
    });
    expect(observations.databaseConnectionsUsed).toBeGreaterThan(0);
    expect(observations.databaseConnectionsMax).toBeGreaterThan(observations.databaseConnectionsUsed);
  });

  it('see work by lane, waits, workers of the pool and others', async () => {
    const observer = new FleetObserver(db.database, systemClock);
    await observer.look(machines);
    const originals = await insertOriginals(db.database, TENANT_A, 5);
    const jobs = originals.map((id, index) => newJob(TENANT_A, id, { lane: index === 0 ? 'batch' : 'normal' }));
    await db.database.asTenant(TENANT_A, (tx) => enqueueMany(tx, jobs));
    await claim(db.database, 'node_x', 2);
    await register('node_1', { host: 'pooled-1', state: 'up' });
    await register('node_2', { host: 'pooled-2', state: 'draining' });
    await register('node_3', { host: 'other', state: 'up' });
    await register('node_4', { host: 'other', state: 'starting' });
    await db.database.query(`UPDATE jobs SET ready_at = ready_at - interval '7 s' WHERE lane = 'batch'`);
    const { observations, workersUnmanaged } = await observer.look(machines);
    seen = observations;
    expect(workersUnmanaged).toBe(4);
    expect(observations).toMatchObject({
      workSecondsQueued: { live: 0, normal: 2, batch: 1 },
      jobsQueued: 3,
      // Of the pool two, and those of a node that nobody ordered; 4 of the 6 that were ordered are not there yet.
      workersReady: 4,
      workersStarting: 6,
      workersDraining: 2,
      busyShare: 0.5,
    });
    expect(observations.waitSecondsOldest.batch).toBeGreaterThanOrEqual(7);
    expect(observations.waitSecondsOldest.normal).toBeLessThan(7);
    expect(observations.workSecondsArriving).toBeGreaterThan(0);
  });

  it('count no worker of a node that is gone, and those that are too many as draining', async () => {
    await db.database.query(`UPDATE nodes SET heartbeat_at = heartbeat_at - interval '16 s' WHERE node_id = 'node_3'`);
    const { observations } = await new FleetObserver(db.database, systemClock).look({ ...machines, workersOrdered: 0 });
    expect(observations).toMatchObject({ workersReady: 0, workersStarting: 2, workersDraining: 4 });
  });

  async function keep(workers: number): Promise<number> {
    const decision = { ...decide(seen, SCALING_POLICY_DEFAULT), workers };
    const made = { nodeId: 'node_1', pool: 'processes', observations: seen, policy: SCALING_POLICY_DEFAULT } as const;
    return db.database.transaction((tx) => keepDecision(tx, { ...made, token: 1, decision }));
  }

  it('keep a decision with everything that it was made of, and know since when the fleet has its size', async () => {
    const up = await keep(12);
    const down = await keep(8);
    await keep(10);
    const [same, ...changes] = await listDecisions(db.database, { limit: 10 });
    expect(same).toMatchObject({ workers: 10, workersBefore: 10, observations: { jobsQueued: 3 }, failure: null });
    expect(same?.observations.secondsSinceUp).toBeNull();
    expect(same?.policy).toMatchObject({ workersMax: SCALING_POLICY_DEFAULT.workersMax, costPerHourMax: null });
    expect(await listDecisions(db.database, { limit: 10, changesOnly: true })).toEqual(
      changes.map((change) => ({ ...change, ageSeconds: expect.any(Number) })),
    );
    expect((await listDecisions(db.database, { limit: 1, before: down })).map(({ id }) => id)).toEqual([up]);
    const { observations } = await new FleetObserver(db.database, systemClock).look(machines);
    expect(observations.secondsSinceUp).toBeGreaterThanOrEqual(observations.secondsSinceDown);
    expect(observations.secondsSinceDown).toBeLessThan(60);
  });

  it('drop what is too old, what changed nothing first', async () => {
    const ids = async () => (await listDecisions(db.database, { limit: 10_000 })).map(({ id }) => id);
    // Ten that changed the fleet, and ten that did not; then one at which the old are dropped, a day of decisions later.
    await db.database.query(
      `INSERT INTO scaling_decisions (token, node_id, pool, workers_before, workers, workers_needed, reason, cut_by,
         observations, policy) SELECT 1, 'node_1', 'none', 1, 1 + n % 2, 1, 'steady', '{}', '{}', '{}'
       FROM generate_series(1, 20) AS n`,
    );
    const before = await ids();
    await restartAt(db, 60_000);
    await keep(10);
    const changed = (await listDecisions(db.database, { limit: 10_000, changesOnly: true })).map(({ id }) => id);
    expect(await ids()).toEqual([60_000, ...changed]);
    expect(changed.length).toBe(before.length - 11);
    await restartAt(db, 250_000);
    await keep(10);
    expect(await ids()).toEqual([250_000]);
  });
});

async function restartAt(db: TestDatabase, id: number): Promise<void> {
  const client = new pg.Client(db.superuser);
  await client.connect();
  await client.query(`ALTER TABLE safelight.scaling_decisions ALTER decision_id RESTART WITH ${id}`);
  await client.end();
}
