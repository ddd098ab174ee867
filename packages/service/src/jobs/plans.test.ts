import pg from 'pg';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
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
  cancelJobs,
  claim,
  complete,
  completeMany,
  countJobs,
  enqueue,
  isHeld,
  lookAtQueue,
  promote,
  reapExpired,
  release,
  renew,
  retryDead,
  tendQueue,
} from './index.ts';

const WAITING = 30_000;

describe.each([18, 15] as const)('plans made while the queue was empty, on PostgreSQL %d', (major) => {
  let stand: TestDatabase;
  let superuser: pg.Client;
  let originals: string[];

  beforeAll(async () => {
    stand = await createTestDatabase(major);
    superuser = await connectAsSuperuser(stand);
    originals = await insertOriginals(stand.database, TENANT_A, 60);
    // Statistics that say: always empty; and nobody to correct them.
    await superuser.query('ALTER TABLE jobs SET (autovacuum_enabled = off)');
    await superuser.query('VACUUM ANALYZE');
    for (let round = 0; round < 8; round++) await everyStatement();
    await fill();
  });
  afterAll(async () => {
    await superuser.end();
    await stand.close();
  });

  test('never read the queue whole when it has grown', async () => {
    const before = await reads();
    for (let round = 0; round < 8; round++) await everyStatement();
    const after = await reads();
    expect(after.seqScans - before.seqScans).toBe(0);
    // Counting reads 5,000 jobs by design; all other statements together some dozens.
    expect(after.indexRows - before.indexRows).toBeLessThan(8 * 5_500);
  });

  test('do not walk the entries of jobs that are gone, even while a snapshot keeps them', async () => {
    const snapshot = new pg.Client(stand.superuser);
    await snapshot.connect();
    await snapshot.query('BEGIN ISOLATION LEVEL REPEATABLE READ');
    await snapshot.query('SELECT count(*) FROM safelight.jobs');
    for (let at = 0; at < 50; at++) {
      const jobs = await claim(stand.database, 'node_1', 64);
      await stand.database.transaction(async (tx) => {
        for (const job of jobs) await complete(tx, job);
      });
    }
    for (let round = 0; round < 3; round++) {
      await superuser.query(`UPDATE lane_floors SET next_at = '-infinity'`);
      await tendQueue(stand.database);
    }
    const before = await reads();
    const claimed = await claim(stand.database, 'node_1', 1);
    const after = await reads();
    await snapshot.end();
    expect(claimed).toHaveLength(1);
    expect(after.queuedEntries - before.queuedEntries).toBeLessThan(150);
  });

  async function everyStatement(): Promise<void> {
    const { database } = stand;
    const [one, two] = [originals.pop() ?? '', originals.pop() ?? ''];
    const done = await putAndTake(one);
    await renew(database, [done]);
    await database.transaction(async (tx) => {
      await isHeld(tx, done);
      await completeMany(tx, [done]);
    });
    const dead = await putAndTake(two);
    await database.transaction(reapExpired);
    await release(database, { ...dead, solitary: true }, { reason: 'worker_died', message: 'SIGSEGV' }, 0);
    await database.asTenant(TENANT_A, (tx) => retryDead(tx, TENANT_A, dead.jobId));
    await lookAtQueue(database);
    await tendQueue(database);
    await countJobs(database);
    await database.asTenant(TENANT_A, (tx) => cancelJobs(tx, TENANT_A, two));
  }

  async function putAndTake(original: string): Promise<ClaimedJob> {
    const job = newJob(TENANT_A, original);
    await stand.database.asTenant(TENANT_A, (tx) => enqueue(tx, job));
    await stand.database.asTenant(TENANT_A, (tx) => promote(tx, TENANT_A, job.jobId));
    for (;;) {
      const [claimed] = await claim(stand.database, 'node_1', 1);
      if (!claimed) throw new Error('nothing to claim');
      if (claimed.jobId === job.jobId) return claimed;
      await stand.database.transaction((tx) => complete(tx, claimed));
    }
  }

  async function fill(): Promise<void> {
    await superuser.query(
      `INSERT INTO originals (tenant_id, original_id, sha256, object_key, bytes, format, width, height, frames, facts)
       SELECT (ARRAY[$1, $2])[1 + i % 2], 'o' || i, sha256(i::text::bytea), 'k' || i, 1, 'jpeg', 1, 1, 1, '{}'
       FROM generate_series(1, $3::int) i`,
      [TENANT_A, TENANT_B, WAITING],
    );
    await superuser.query(
      `INSERT INTO jobs (tenant_id, job_id, original_id, lane, virtual_start, cost_micros, bytes_predicted)
       SELECT tenant_id, 'job' || original_id, original_id, 'normal', 1e9 + bytes * substr(original_id, 2)::int, 1, 1
       FROM originals WHERE original_id ~ '^o[0-9]'`,
    );
  }

  async function reads(): Promise<{ seqScans: number; indexRows: number; queuedEntries: number }> {
    // At once, and each for a while, so that every connection of the pool tells what it has read and none tells it later.
    await Promise.all(
      Array.from({ length: 20 }, () => stand.database.query('SELECT pg_stat_force_next_flush(), pg_sleep(0.1)')),
    );
    await superuser.query('SELECT pg_stat_clear_snapshot()');
    const { rows } = await superuser.query(
      `SELECT (SELECT seq_scan FROM pg_stat_user_tables WHERE relname = 'jobs') AS "seqScans",
         (SELECT sum(idx_tup_read) FROM pg_stat_user_indexes WHERE relname = 'jobs')::bigint AS "indexRows",
         (SELECT idx_tup_read FROM pg_stat_user_indexes WHERE indexrelname = 'jobs_queued') AS "queuedEntries"`,
    );
    return rows[0];
  }
});
