import type pg from 'pg';
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { connectAsSuperuser, createTestDatabase, type TestDatabase } from '../../../../test/support/database.ts';
import { insertOriginals, newJob } from '../../../../test/support/queue.ts';
import {
  type ClaimedJob,
  cancelJobs,
  claim,
  complete,
  completeMany,
  countJobs,
  enqueue,
  enqueueMany,
  isHeld,
  type Lane,
  listJobs,
  type NewJob,
  promote,
  reapExpired,
  release,
  renew,
  retryDead,
  tendQueue,
} from './index.ts';

describe.each([18, 15] as const)('the queue on PostgreSQL %d', (major) => {
  let stand: TestDatabase;
  let superuser: pg.Client;
  let a: string;
  let b: string;
  let originals: string[];

  beforeAll(async () => {
    stand = await createTestDatabase(major);
    ({ a, b } = stand.tenants);
    superuser = await connectAsSuperuser(stand);
  });
  afterAll(async () => {
    await superuser.end();
    await stand.close();
  });
  beforeEach(async () => {
    await superuser.query('DELETE FROM jobs; DELETE FROM tenant_lanes; DELETE FROM parked_nodes');
    originals = await insertOriginals(stand.database, a, 4);
  });

  const job = (at: number, given: { lane?: Lane; costMicros?: number; traceparent?: string } = {}) =>
    newJob(a, originals[at] ?? '', given);
  const put = (given: NewJob) => stand.database.asTenant(given.tenantId, (tx) => enqueue(tx, given));
  const take = async (node = 'node_1'): Promise<ClaimedJob> => {
    const [claimed] = await claim(stand.database, node, 1);
    if (!claimed) throw new Error('nothing to claim');
    return claimed;
  };
  const stateOf = async (jobId: string) =>
    (await superuser.query('SELECT state FROM jobs WHERE job_id = $1', [jobId])).rows[0]?.state;

  describe('a job', () => {
    test('goes from its tenant through one node to its end, and leaves nothing behind', async () => {
      const given = job(0, { traceparent: '00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01' });
      expect(await put(given)).toEqual({ jobId: given.jobId, joined: false });
      const claimed = await take();
      expect(claimed).toMatchObject({ ...given, token: 1, attempts: 0, solitary: false });
      expect(claimed.waitedMs).toBeGreaterThanOrEqual(0);
      expect(await claim(stand.database, 'node_2', 1)).toEqual([]);
      expect(await stand.database.transaction((tx) => complete(tx, claimed))).toBe(true);
      expect(await stateOf(given.jobId)).toBeUndefined();
    });

    test('is not there when the transaction that enqueued it rolls back', async () => {
      const rolledBack = stand.database.asTenant(a, async (tx) => {
        await enqueue(tx, job(0));
        throw new Error('disk full');
      });
      await expect(rolledBack).rejects.toThrow('disk full');
      expect(await claim(stand.database, 'node_1', 1)).toEqual([]);
    });

    test('takes up more work of its original until it is claimed', async () => {
      const first = job(0, { costMicros: 100 });
      await put(first);
      expect(await put(job(0, { costMicros: 50 }))).toEqual({ jobId: first.jobId, joined: true });
      expect(await take()).toMatchObject({ jobId: first.jobId, costMicros: 150 });
      const second = job(0);
      expect(await put(second)).toEqual({ jobId: second.jobId, joined: false });
    });

    test('comes back beside a second one of its original when both wait', async () => {
      await put(job(0));
      const first = await take();
      await put(job(0));
      await release(stand.database, first, { reason: 'drain' }, 0);
      expect(await claim(stand.database, 'node_1', 5)).toHaveLength(2);
    });

    test('moves to the more urgent lane of what joins it', async () => {
      await put(job(0, { lane: 'batch' }));
      await put(job(0, { lane: 'live' }));
      await put(job(0, { lane: 'normal' }));
      expect(await take()).toMatchObject({ lane: 'live' });
    });

    test('goes with its original, waiting, leased or dead', async () => {
      const waiting = job(0);
      await put(waiting);
      const leased = await take();
      const second = job(0);
      await put(second);
      const gone = await stand.database.asTenant(a, (tx) => cancelJobs(tx, a, originals[0] ?? ''));
      expect(gone.sort()).toEqual([waiting.jobId, second.jobId].sort());
      expect(await stand.database.transaction((tx) => complete(tx, leased))).toBe(false);
    });
  });

  describe('a lease', () => {
    test('that was lost can neither complete, renew, hold nor release', async () => {
      await put(job(0));
      const lost = await take('node_1');
      await release(stand.database, lost, { reason: 'drain' }, 0);
      const current = await take('node_2');
      expect(current.token).toBe(lost.token + 1);
      expect(await stand.database.transaction((tx) => complete(tx, lost))).toBe(false);
      expect(await stand.database.transaction((tx) => isHeld(tx, lost))).toBe(false);
      expect(await renew(stand.database, [lost])).toEqual([]);
      expect(await renew(stand.database, [lost, current])).toEqual([
        { tenantId: a, jobId: current.jobId, token: current.token },
      ]);
      expect(await release(stand.database, lost, { reason: 'drain' }, 0)).toBeUndefined();
      expect(await stand.database.transaction((tx) => complete(tx, current))).toBe(true);
    });

    test('ends with others in one statement, unless it was lost', async () => {
      await put(job(0));
      await put(job(1));
      const [first, second] = await claim(stand.database, 'node_1', 2);
      if (!first || !second) throw new Error('nothing to claim');
      const ended = await completeMany(stand.database, [first, { ...second, token: second.token - 1 }]);
      expect(ended).toEqual([{ tenantId: a, jobId: first.jobId, token: 1 }]);
      expect([await stateOf(first.jobId), await stateOf(second.jobId)]).toEqual([undefined, 'leased']);
    });

    test.each([
      ['has ended', `- interval '1 millisecond'`],
      ['ends further ahead than two leases, because the clock was set back', `+ interval '31 seconds'`],
    ])('that %s is taken back, and the job is claimed anew', async (_, offset) => {
      await put(job(0));
      const vanished = await take('node_gone');
      await superuser.query(`UPDATE jobs SET lease_until = clock_timestamp() ${offset}`);
      const expired = await stand.database.transaction(reapExpired);
      expect(expired).toMatchObject([{ jobId: vanished.jobId, outcome: { state: 'queued', expiries: 1, crashes: 0 } }]);
      expect(await take('node_2')).toMatchObject({ jobId: vanished.jobId, token: 2, attempts: 0 });
    });

    test('that runs is left alone', async () => {
      await put(job(0));
      const held = await take();
      expect(await stand.database.transaction(reapExpired)).toEqual([]);
      await superuser.query(`UPDATE jobs SET lease_until = clock_timestamp() + interval '1 second'`);
      expect(await renew(stand.database, [held])).toHaveLength(1);
      const { rows } = await superuser.query(
        `SELECT extract(epoch FROM lease_until - clock_timestamp())::float8 AS left FROM jobs`,
      );
      expect(rows[0].left).toBeGreaterThan(13);
    });

    test('cannot be taken away while a part of its work is being recorded', async () => {
      await put(job(0));
      const held = await take();
      await stand.database.transaction(async (tx) => {
        expect(await isHeld(tx, held)).toBe(true);
        await superuser.query(`SET lock_timeout = '50ms'`);
        await expect(superuser.query('DELETE FROM jobs')).rejects.toThrow('lock timeout');
        await superuser.query('RESET lock_timeout');
        expect(await stand.database.transaction(reapExpired)).toEqual([]);
      });
    });
  });

  describe('a retry', () => {
    const why = { reason: 'retry', cause: { code: 'object_store_unavailable', message: 'no answer' } } as const;

    test('waits for its delay, and then runs', async () => {
      await put(job(0));
      await release(stand.database, await take(), why, 0.9);
      expect(await claim(stand.database, 'node_1', 1)).toEqual([]);
      const { nextDueMs } = await tendQueue(stand.database);
      expect(nextDueMs).toBeGreaterThan(0);
      expect(nextDueMs).toBeLessThanOrEqual(900);
      await superuser.query(`UPDATE jobs SET ready_at = clock_timestamp()`);
      expect(await tendQueue(stand.database)).toEqual({ queued: 1, nextDueMs: null });
      expect(await take()).toMatchObject({ attempts: 1 });
    });

    test('further ahead than the longest delay is due: the clock was set back', async () => {
      await put(job(0));
      await release(stand.database, await take(), why, 0.9);
      await superuser.query(`UPDATE jobs SET ready_at = clock_timestamp() + interval '61 seconds'`);
      expect(await tendQueue(stand.database)).toMatchObject({ queued: 1 });
    });

    test('keeps its delay when it is promoted', async () => {
      await put(job(0));
      const retried = await take();
      await release(stand.database, retried, why, 0.9);
      expect(await stand.database.asTenant(a, (tx) => promote(tx, a, retried.jobId))).toBe(true);
      expect(await claim(stand.database, 'node_1', 1)).toEqual([]);
      expect(await stateOf(retried.jobId)).toBe('delayed');
    });
  });

  describe('a dead job', () => {
    const kill = async (at: number) => {
      await put(job(at));
      const first = await take();
      await release(stand.database, first, { reason: 'worker_died', message: 'SIGSEGV' }, 0);
      const alone = await take();
      expect(alone.solitary).toBe(true);
      await release(stand.database, alone, { reason: 'worker_died', message: 'SIGSEGV again' }, 0);
      return first.jobId;
    };

    test('keeps its cause and counts, and stands first in its tenant’s list', async () => {
      const dead = await kill(0);
      await put(job(1));
      const listed = await stand.database.asTenant(a, (tx) => listJobs(tx, a));
      expect(listed).toHaveLength(2);
      expect(listed[0]).toMatchObject({
        jobId: dead,
        state: 'dead',
        crashes: 2,
        cause: { code: 'worker_crashed', message: 'SIGSEGV again' },
      });
      expect(listed[0]?.diedAt).toBeInstanceOf(Date);
      expect(listed[1]).toMatchObject({ state: 'queued', cause: null });
    });

    test('can be tried again, once', async () => {
      const dead = await kill(0);
      expect(await claim(stand.database, 'node_1', 1)).toEqual([]);
      expect(await stand.database.asTenant(a, (tx) => retryDead(tx, a, dead))).toBe(true);
      expect(await stand.database.asTenant(a, (tx) => retryDead(tx, a, dead))).toBe(false);
      expect(await take()).toMatchObject({ jobId: dead, attempts: 0, crashes: 0, solitary: true });
    });

    test('of leases that always run out is buried in the end', async () => {
      await put(job(0));
      await superuser.query('UPDATE jobs SET expiries = 9');
      await take();
      await superuser.query(`UPDATE jobs SET lease_until = clock_timestamp() - interval '1 second'`);
      const expired = await stand.database.transaction(reapExpired);
      expect(expired).toMatchObject([{ outcome: { state: 'dead', cause: { code: 'lease_expired' } } }]);
    });
  });

  describe('the walls', () => {
    test('hide a tenant’s jobs from another, who cannot promote, retry, cancel or enqueue for him', async () => {
      const given = job(0);
      await put(given);
      const asB = <T>(work: Parameters<typeof stand.database.asTenant<T>>[1]) => stand.database.asTenant(b, work);
      expect(await asB((tx) => listJobs(tx, a))).toEqual([]);
      expect(await asB((tx) => promote(tx, a, given.jobId))).toBe(false);
      expect(await asB((tx) => retryDead(tx, a, given.jobId))).toBe(false);
      expect(await asB((tx) => cancelJobs(tx, a, given.originalId))).toEqual([]);
      await expect(asB((tx) => enqueue(tx, job(1)))).rejects.toThrow();
      await expect(asB((tx) => tx.query('SELECT * FROM parked_nodes'))).rejects.toThrow('permission denied');
      await expect(asB((tx) => claim(tx, 'node_1', 1))).rejects.toThrow('permission denied');
    });
  });

  describe('its figures', () => {
    test('count jobs, work and age per lane', async () => {
      await stand.database.asTenant(a, (tx) => enqueueMany(tx, [job(0), job(1), job(2, { lane: 'live' })]));
      await take();
      await superuser.query(`UPDATE jobs SET ready_at = ready_at - interval '7 seconds' WHERE state = 'queued'`);
      const [live, normal, batch] = await countJobs(stand.database);
      expect(live).toMatchObject({ lane: 'live', queued: 0, leased: 1, workSeconds: 0, oldestSeconds: 0 });
      expect(normal).toMatchObject({ lane: 'normal', queued: 2, leased: 0, workSeconds: 2, estimated: false });
      expect(normal?.oldestSeconds).toBeGreaterThanOrEqual(7);
      expect(batch).toMatchObject({ lane: 'batch', queued: 0 });
    });

    test('are estimated from the accounts beyond what is counted', async () => {
      const many = await insertOriginals(stand.database, a, 200);
      await stand.database.asTenant(a, (tx) =>
        enqueueMany(
          tx,
          many.map((id) => newJob(a, id)),
        ),
      );
      const [, normal] = await countJobs(stand.database, 20);
      expect(normal?.estimated).toBe(true);
      expect(normal?.queued).toBeGreaterThanOrEqual(195);
      expect(normal?.queued).toBeLessThanOrEqual(205);
    });
  });
});
