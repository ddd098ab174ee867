import pg from 'pg';
import type { QueueStand } from './queue-stand.ts';

/** What every queue is asked to do: put `jobs` in and bring them to their end, `atOnce` at a time or in batches. */
export interface QueueUnderTest {
  readonly name: string;
  enqueueSingly(jobs: number, atOnce: number): Promise<void>;
  processSingly(jobs: number, atOnce: number): Promise<void>;
  enqueueInBatches(jobs: number): Promise<void>;
  processInBatches(jobs: number, atOnce: number): Promise<void>;
  close(): Promise<void>;
}

export const ENQUEUE_BATCH = 1_000;
const FETCH_BATCH = 64;

/** Runs `each` for 0 … count − 1, `atOnce` at a time. */
export async function inTurns(count: number, atOnce: number, each: (index: number) => Promise<void>): Promise<void> {
  let next = 0;
  await Promise.all(
    Array.from({ length: atOnce }, async () => {
      while (next < count) await each(next++);
    }),
  );
}

export async function pgBoss(stand: QueueStand, connectionsMax: number): Promise<QueueUnderTest> {
  const { PgBoss } = await import('pg-boss');
  await stand.superuser('postgres', (client) => client.query('CREATE DATABASE pgboss'));
  const connection = { ...stand.cluster.connection, database: 'pgboss' };
  const boss = new PgBoss({ ...connection, max: connectionsMax, supervise: false, schedule: false });
  boss.on('error', (error) => console.error(error));
  await boss.start();
  await boss.createQueue('bench');
  const work = async (left: { jobs: number }, batchSize: number) => {
    while (left.jobs > 0) {
      const jobs = await boss.fetch('bench', { batchSize });
      left.jobs -= jobs.length;
      if (jobs.length > 0)
        await boss.complete(
          'bench',
          jobs.map(({ id }) => id),
        );
    }
  };
  const process = async (jobs: number, atOnce: number, batchSize: number) => {
    const left = { jobs };
    await Promise.all(Array.from({ length: atOnce }, () => work(left, batchSize)));
  };
  return {
    name: 'pg-boss',
    enqueueSingly: (jobs, atOnce) =>
      inTurns(jobs, atOnce, async (index) => {
        await boss.send('bench', { index });
      }),
    processSingly: (jobs, atOnce) => process(jobs, atOnce, 1),
    enqueueInBatches: (jobs) =>
      inTurns(jobs / ENQUEUE_BATCH, 2, async () => {
        await boss.insert(
          'bench',
          Array.from({ length: ENQUEUE_BATCH }, (_, index) => ({ data: { index } })),
        );
      }),
    processInBatches: (jobs, atOnce) => process(jobs, atOnce, FETCH_BATCH),
    close: () => boss.stop({ graceful: false }),
  };
}

export async function graphileWorker(stand: QueueStand, connectionsMax: number): Promise<QueueUnderTest> {
  const { Logger, makeWorkerUtils, run } = await import('graphile-worker');
  await stand.superuser('postgres', (client) => client.query('CREATE DATABASE graphile'));
  const pgPool = new pg.Pool({ ...stand.cluster.connection, database: 'graphile', max: connectionsMax });
  pgPool.on('error', console.error);
  pgPool.on('connect', (client) => client.on('error', console.error));
  const logger = new Logger(() => () => undefined);
  const utils = await makeWorkerUtils({ pgPool, logger });
  await utils.migrate();
  const process = async (jobs: number, concurrency: number, batched: boolean) => {
    const { promise, resolve } = Promise.withResolvers<void>();
    let left = jobs;
    const taskList = {
      bench: async () => {
        left -= 1;
        if (left === 0) resolve();
      },
    };
    const batches = { localQueue: { size: FETCH_BATCH * 8 }, completeJobBatchDelay: 0, failJobBatchDelay: 0 };
    const preset = { worker: batched ? batches : {} };
    const runner = await run({ pgPool, logger, taskList, concurrency, noHandleSignals: true, preset });
    await promise;
    // Ends after the last completions have been written.
    await runner.stop();
  };
  return {
    name: 'graphile-worker',
    enqueueSingly: (jobs, atOnce) =>
      inTurns(jobs, atOnce, async (index) => {
        await utils.addJob('bench', { index });
      }),
    processSingly: (jobs, atOnce) => process(jobs, atOnce, false),
    enqueueInBatches: (jobs) =>
      inTurns(jobs / ENQUEUE_BATCH, 2, async () => {
        await utils.addJobs(
          Array.from({ length: ENQUEUE_BATCH }, (_, index) => ({ identifier: 'bench', payload: { index } })),
        );
      }),
    processInBatches: (jobs, atOnce) => process(jobs, atOnce, true),
    close: async () => {
      await utils.release();
      await pgPool.end();
    },
  };
}
