import { EventEmitter, once } from 'node:events';
import pg from 'pg';
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { connectAsSuperuser, createTestDatabase, type TestDatabase } from '../../../../test/support/database.ts';
import { insertOriginals, newJob } from '../../../../test/support/queue.ts';
import { claim, complete, enqueue, enqueueMany, JobWaker, promote, release } from './index.ts';

const POLL_MS = 300;

describe('many at once', () => {
  let stand: TestDatabase;
  let superuser: pg.Client;
  let a: string;

  beforeAll(async () => {
    stand = await createTestDatabase();
    a = stand.tenants.a;
    superuser = await connectAsSuperuser(stand);
  });
  afterAll(async () => {
    await superuser.end();
    await stand.close();
  });
  beforeEach(() => superuser.query('DELETE FROM jobs; DELETE FROM tenant_lanes; DELETE FROM parked_nodes'));

  const put = (originalId: string) => stand.database.asTenant(a, (tx) => enqueue(tx, newJob(a, originalId)));

  test('claimers never get the same job, and together get all', async () => {
    const originals = await insertOriginals(stand.database, a, 300);
    await stand.database.asTenant(a, (tx) =>
      enqueueMany(
        tx,
        originals.map((id) => newJob(a, id)),
      ),
    );
    const claimed: string[] = [];
    await Promise.all(
      Array.from({ length: 8 }, async (_, node) => {
        for (let idle = 0; idle < 3; ) {
          const jobs = await claim(stand.database, `node_${node}`, 1 + (node % 4));
          claimed.push(...jobs.map(({ jobId }) => jobId));
          idle = jobs.length === 0 ? idle + 1 : 0;
        }
      }),
    );
    expect(claimed).toHaveLength(300);
    expect(new Set(claimed).size).toBe(300);
  });

  test('a claimer does not wait for a job that another transaction holds', async () => {
    const originals = await insertOriginals(stand.database, a, 2);
    for (const original of originals) await put(original);
    await superuser.query('BEGIN');
    try {
      const { rows } = await superuser.query('SELECT job_id FROM jobs ORDER BY virtual_start LIMIT 1 FOR UPDATE');
      const claimed = await claim(stand.database, 'node_1', 2);
      expect(claimed).toHaveLength(1);
      expect(claimed[0]?.jobId).not.toBe(rows[0].job_id);
    } finally {
      await superuser.query('ROLLBACK');
    }
  });

  test('enqueuers of one original share one job while claimers take it away', async () => {
    const originals = await insertOriginals(stand.database, a, 5);
    const asked = Array.from({ length: 200 }, (_, index) => originals[index % originals.length] ?? '');
    const done = new Map<string, number>();
    const enqueued = Promise.all(
      Array.from({ length: 4 }, async (_, lane) => {
        for (let at = lane; at < asked.length; at += 4) {
          const { jobId } = await put(asked[at] ?? '');
          if (at % 10 === 0) await stand.database.asTenant(a, (tx) => promote(tx, a, jobId));
        }
      }),
    );
    let open = true;
    const workers = Array.from({ length: 3 }, async (_, node) => {
      for (;;) {
        const finished = !open;
        const [job] = await claim(stand.database, `node_${node}`, 1);
        if (!job && finished) return;
        if (!job) continue;
        if (done.size % 7 === 0 && job.token === 1) await release(stand.database, job, { reason: 'drain' }, 0);
        else if (await stand.database.transaction((tx) => complete(tx, job))) done.set(job.jobId, job.costMicros);
      }
    });
    await enqueued;
    open = false;
    await Promise.all(workers);
    // Every request's cost was done, once, by some job.
    expect([...done.values()].reduce((sum, cost) => sum + cost, 0)).toBe(asked.length * 1_000_000);
  });

  describe('a waker', () => {
    test('starts a job within 10 ms of its commit on an idle system', async () => {
      const originals = await insertOriginals(stand.database, a, 30);
      const woken = new EventEmitter();
      const waker = wakerOf('node_1', (jobId) => woken.emit('claimed', jobId));
      waker.start();
      const waits: number[] = [];
      for (const original of originals) {
        await parked('node_1');
        const claimed = once(woken, 'claimed');
        const began = performance.now();
        await put(original);
        await claimed;
        waits.push(performance.now() - began);
      }
      await waker.close();
      // Other work on the machine only adds to what the mechanism takes: its figure is the best tenth.
      const sorted = waits.sort((x, y) => x - y);
      expect(sorted[3]).toBeLessThan(10);
      expect(sorted[15]).toBeLessThan(POLL_MS / 2);
    });

    test('wakes one parked node per job, and none when nobody is parked', async () => {
      const originals = await insertOriginals(stand.database, a, 2);
      const heard: string[] = [];
      const listener = new pg.Client(stand.superuser);
      await listener.connect();
      listener.on('notification', ({ payload }) => heard.push(payload ?? ''));
      await listener.query('LISTEN safelight_jobs');
      await superuser.query(`INSERT INTO parked_nodes (node_id) VALUES ('node_1'), ('node_2')`);
      await put(originals[0] ?? '');
      await listener.query('SELECT 1');
      expect(heard).toHaveLength(1);
      await superuser.query('DELETE FROM parked_nodes');
      await put(originals[1] ?? '');
      await listener.query('SELECT 1');
      await listener.end();
      expect(heard).toHaveLength(1);
    });

    test('finds a job by polling when no notification comes', async () => {
      const [original] = await insertOriginals(stand.database, a, 1);
      const woken = new EventEmitter();
      const waker = wakerOf('node_1', (jobId) => woken.emit('claimed', jobId));
      waker.start();
      await parked('node_1');
      await superuser.query('DELETE FROM parked_nodes');
      const claimed = once(woken, 'claimed');
      await put(original ?? '');
      await claimed;
      await waker.close();
    });

    test('tries again soon after a failure, however seldom it polls', async () => {
      const calls = new EventEmitter();
      const again = once(calls, 'again');
      let isFirst = true;
      const waker = new JobWaker({
        // Nothing else wakes it.
        database: { query: (sql, values) => stand.database.query(sql, values), listen: () => () => undefined },
        nodeId: 'node_1',
        pollMs: 3_600_000,
        onError: () => undefined,
        onWake: async () => {
          if (!isFirst) return !calls.emit('again');
          isFirst = false;
          throw new Error('the database did not answer');
        },
      });
      waker.start();
      await again;
      await waker.close();
    });

    test('does not park for a moment without work', async () => {
      let looks = 0;
      const statements: unknown[] = [];
      const looked = new EventEmitter();
      const waker = new JobWaker({
        database: {
          query: (sql, values) => {
            statements.push(sql);
            return stand.database.query(sql, values);
          },
          listen: () => () => undefined,
        },
        nodeId: 'node_1',
        pollMs: 3_600_000,
        onError: () => undefined,
        // The first look finds room that nothing fills, and the one that comes with it fills it.
        onWake: async () => {
          looks += 1;
          const isFirst = looks === 1;
          await Promise.resolve();
          if (isFirst) waker.hint();
          else looked.emit('again');
          return isFirst;
        },
      });
      const again = once(looked, 'again');
      waker.start();
      await again;
      await waker.close();
      expect(statements).toEqual([]);
    });

    test('leaves the parked when it closes, and calls no more', async () => {
      let calls = 0;
      const waker = wakerOf(
        'node_1',
        () => undefined,
        () => {
          calls += 1;
        },
      );
      waker.start();
      await parked('node_1');
      await waker.close();
      const before = calls;
      waker.hint();
      expect(calls).toBe(before);
      expect((await superuser.query('SELECT FROM parked_nodes')).rowCount).toBe(0);
    });
  });

  function wakerOf(nodeId: string, onClaim: (jobId: string) => void, onCall: () => void = () => undefined): JobWaker {
    return new JobWaker({
      database: stand.database,
      nodeId,
      pollMs: POLL_MS,
      onError: (error) => {
        throw error;
      },
      onWake: async () => {
        onCall();
        const jobs = await claim(stand.database, nodeId, 2);
        for (const job of jobs) {
          onClaim(job.jobId);
          await stand.database.transaction((tx) => complete(tx, job));
        }
        return jobs.length < 2;
      },
    });
  }

  async function parked(nodeId: string): Promise<void> {
    await expect
      .poll(async () => (await superuser.query('SELECT FROM parked_nodes WHERE node_id = $1', [nodeId])).rowCount, {
        timeout: 5_000,
        interval: 2,
      })
      .toBe(1);
  }
});
