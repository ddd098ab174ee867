import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import pg from 'pg';
import pino from 'pino';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { createTestDatabase, TENANT_A, type TestDatabase } from '../../../../test/support/database.ts';
import { insertOriginals, newJob } from '../../../../test/support/queue.ts';
import { until } from '../../../../test/support/until.ts';
import { systemClock } from '../core/clock.ts';
import { openKubernetesPool } from '../drivers/kubernetes-pool/index.ts';
import { openProcessPool } from '../drivers/process-pool/index.ts';
import { listDecisions, readScalerLeader, SCALING_POLICY_DEFAULT } from '../fleet/index.ts';
import { claim, enqueueMany } from '../jobs/index.ts';
import type { MachinePool } from '../ports/machine-pool.ts';
import { createMetrics } from '../telemetry/metrics.ts';
import { type ScalerRole, startScalerRole } from './scaler.ts';

const MACHINE = fileURLToPath(new URL('../drivers/process-pool/machine.fixture.ts', import.meta.url));

let db: TestDatabase;
let folder: string;
let scalers: ScalerRole[];

beforeEach(async () => {
  db = await createTestDatabase();
  folder = mkdtempSync(join(tmpdir(), 'safelight-scaler-'));
  scalers = [];
});
afterEach(async () => {
  for (const scaler of scalers) await scaler.stop();
  await db.close();
  rmSync(folder, { recursive: true });
});

function poolOf(nodeId: string): MachinePool {
  return openProcessPool({
    directory: join(folder, nodeId),
    command: [process.execPath, MACHINE],
    environment: (directory) => ({ MACHINE_FOLDER: directory }),
    clock: systemClock,
    onError: () => undefined,
  });
}

function start(
  nodeId: string,
  pool: MachinePool | undefined,
  poolName: 'none' | 'processes' | 'kubernetes',
): ScalerRole {
  const scaler = startScalerRole({
    database: db.database,
    clock: systemClock,
    log: pino({ level: 'silent' }),
    metrics: createMetrics(),
    nodeId,
    policy: { ...SCALING_POLICY_DEFAULT, workersMin: 0, workersMax: 2 },
    costPerWorkerHour: 0,
    poolName,
    pool,
  });
  scalers.push(scaler);
  return scaler;
}

/** Work for many machines, which nobody does. */
async function enqueue(): Promise<void> {
  const originals = await insertOriginals(db.database, TENANT_A, 4);
  const jobs = originals.map((id) => newJob(TENANT_A, id, { costMicros: 60_000_000 }));
  await db.database.asTenant(TENANT_A, (tx) => enqueueMany(tx, jobs));
}

const ordered = (pool: MachinePool, machines: number) =>
  until(`${machines} ordered`, async () => (await pool.look()).ordered === machines);

describe('the role scaler', () => {
  it('orders machines for the work that waits, and keeps why', async () => {
    const pool = poolOf('node_a');
    await enqueue();
    start('node_a', pool, 'processes');
    await ordered(pool, 2);
    const [decision] = await listDecisions(db.database, { limit: 1, changesOnly: true });
    expect(decision).toMatchObject({
      workersBefore: 0,
      workers: 2,
      reason: 'backlog',
      nodeId: 'node_a',
      failure: null,
    });
    expect(decision?.cutBy).toContain('max');
    expect(decision?.observations).toMatchObject({
      jobsQueued: 4,
      workSecondsQueued: { live: 0, normal: 240, batch: 0 },
    });
  });

  it('is led by one; another follows when it stops, and orders machines of its own', async () => {
    const [first, second] = [poolOf('node_a'), poolOf('node_b')];
    await enqueue();
    const leader = start('node_a', first, 'processes');
    await ordered(first, 2);
    start('node_b', second, 'processes');
    expect(await readScalerLeader(db.database)).toBe('node_a');
    await leader.stop();
    expect(await first.look()).toMatchObject({ ordered: 0, present: 0 });
    await ordered(second, 2);
    const decisions = await db.database.query<{ nodeId: string; token: number }>(
      'SELECT DISTINCT node_id AS "nodeId", token FROM scaling_decisions ORDER BY token',
    );
    expect(decisions.map(({ nodeId }) => nodeId)).toEqual(['node_a', 'node_b']);
  });

  it('decides nothing any more once another leads, and lets go of its machines', async () => {
    const pool = poolOf('node_a');
    await enqueue();
    start('node_a', pool, 'processes');
    await ordered(pool, 2);
    // As when this process was paused for longer than its lease.
    const taken = `UPDATE role_leases SET holder = 'node_b', token = token + 1, lease_until = clock_timestamp() + interval '10 s'`;
    await db.database.query(taken);
    const [last] = await listDecisions(db.database, { limit: 1 });
    await ordered(pool, 0);
    const [later] = await listDecisions(db.database, { limit: 1 });
    expect(later?.id).toBe(last?.id);
  });

  it('cannot be deposed while it keeps a decision', async () => {
    start('node_a', undefined, 'none');
    await enqueue();
    await until('a decision', async () => (await listDecisions(db.database, { limit: 1 })).length > 0);
    const [holding, other] = [new pg.Client(db.superuser), new pg.Client(db.superuser)];
    await Promise.all([holding.connect(), other.connect()]);
    await holding.query('BEGIN; LOCK TABLE safelight.scaling_decisions IN EXCLUSIVE MODE');
    await until('the next one, which waits for the table', async () => {
      const waiting = `SELECT FROM pg_locks WHERE relation = 'scaling_decisions'::regclass AND NOT granted`;
      return (await db.database.query(waiting)).length === 1;
    });
    await other.query(`SET lock_timeout = '300ms'`);
    const taken = other.query(`UPDATE safelight.role_leases SET holder = 'node_b', token = token + 1`);
    await expect(taken).rejects.toThrow(/lock timeout/);
    await Promise.all([holding.end(), other.end()]);
  });

  it('gives the jobs of a machine that was lost back at once', async () => {
    const pool = poolOf('node_a');
    await enqueue();
    start('node_a', pool, 'processes');
    const pidFile = join(folder, 'node_a', '1', 'pid');
    const pid = await until('the second machine', () => Number(readFileSync(pidFile, 'utf8')));
    const [job] = await claim(db.database, 'node_at_1', 1);
    process.kill(pid, 'SIGKILL');
    await until(
      'the end of its lease',
      async () => {
        const rows = await db.database.query('SELECT FROM jobs WHERE job_id = $1 AND lease_until < clock_timestamp()', [
          job?.jobId ?? '',
        ]);
        return rows.length === 1;
      },
      10_000,
    );
  });

  it('goes on deciding when the pool does not answer, and keeps why nothing happens', async () => {
    await enqueue();
    const pool = openKubernetesPool({
      url: 'http://127.0.0.1:1',
      namespace: 'pictures',
      resource: 'deployments',
      name: 'worker',
      accountDirectory: folder,
      kind: { workers: 2, connections: 17, startSeconds: 30 },
    });
    start('node_a', pool, 'kubernetes');
    const decision = await until('a decision with its failure', async () => {
      const [newest] = await listDecisions(db.database, { limit: 1 });
      return newest?.failure ? newest : undefined;
    });
    expect(decision).toMatchObject({ workers: 2, reason: 'backlog', pool: 'kubernetes' });
    expect(decision.failure).toMatch(/Kubernetes API does not answer.*ECONNREFUSED/);
  });

  it('decides for others to read where it orders no machines itself', async () => {
    start('node_a', undefined, 'none');
    await until('a first decision', async () => (await listDecisions(db.database, { limit: 1 })).length === 1);
    await enqueue();
    const decision = await until('one of the work that came', async () => {
      const [newest] = await listDecisions(db.database, { limit: 1, changesOnly: true });
      return newest;
    });
    expect(decision).toMatchObject({ workersBefore: 0, workers: 2, pool: 'none', failure: null });
    const [first] = (await listDecisions(db.database, { limit: 100 })).slice(-1);
    expect(first).toMatchObject({ workers: 0, reason: 'steady' });
  });
});
