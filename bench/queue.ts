import { parseArgs } from 'node:util';
import { systemClock } from '../packages/service/src/core/clock.ts';
import { newId } from '../packages/service/src/core/ids.ts';
import type { Database } from '../packages/service/src/db/database.ts';
import {
  claim,
  complete,
  completeMany,
  enqueue,
  enqueueMany,
  type NewJob,
  tendQueue,
} from '../packages/service/src/jobs/index.ts';
import { ENQUEUE_BATCH, graphileWorker, inTurns, pgBoss, type QueueUnderTest } from './support/queue-peers.ts';
import { originalId, QueueStand, TENANTS, tenantId } from './support/queue-stand.ts';
import { median, quantile } from './support/statistics.ts';

/**
 * The queue alone, on a PostgreSQL of its own with fsync on:
 * jobs per second beside pg-boss and graphile-worker, and the latency of a claim with few and with many jobs waiting.
 * `node bench/queue.ts [--jobs N] [--waiting N] [--rounds N] [--without-peers]`
 */
const { values: given } = parseArgs({
  options: {
    jobs: { type: 'string', default: '10000' },
    waiting: { type: 'string', default: '1000000' },
    rounds: { type: 'string', default: '3' },
    'without-peers': { type: 'boolean', default: false },
  },
});
const jobs = Math.ceil(Number(given.jobs) / ENQUEUE_BATCH) * ENQUEUE_BATCH;
const waiting = Number(given.waiting);
const rounds = Number(given.rounds);
const AT_ONCE = 16;
const FEW = 1_000;
const CLAIMS = 1_000;
const CLAIM_BATCH = 64;

const stand = await QueueStand.start();
try {
  await printThroughput();
  await printLatency();
} finally {
  await stand.stop();
}

async function printThroughput(): Promise<void> {
  const queues = [await safelight()];
  if (!given['without-peers']) {
    queues.push(await pgBoss(stand, AT_ONCE + 2), await graphileWorker(stand, AT_ONCE + 2));
  }
  const figures = queues.map(() => ({
    enqueue: [] as number[],
    end: [] as number[],
    put: [] as number[],
    take: [] as number[],
  }));
  for (let round = 0; round < rounds; round++) {
    for (const [index, queue] of queues.entries()) {
      const figure = figures[index];
      figure?.enqueue.push(await rate(() => queue.enqueueSingly(jobs, AT_ONCE)));
      figure?.end.push(await rate(() => queue.processSingly(jobs, AT_ONCE)));
      figure?.put.push(await rate(() => queue.enqueueInBatches(jobs)));
      figure?.take.push(await rate(() => queue.processInBatches(jobs, AT_ONCE)));
    }
  }
  console.log(`jobs per second, ${AT_ONCE} connections, ${jobs} jobs, median of ${rounds} rounds in turn`);
  const ours = figures[0];
  const rows = queues.map(({ name }, index) => {
    const figure = figures[index] ?? ours;
    const cell = (kind: 'enqueue' | 'end' | 'put' | 'take') => {
      const [value, base] = [median(figure?.[kind] ?? []), median(ours?.[kind] ?? [])];
      return `${Math.round(value)} (${(value / base).toFixed(2)})`;
    };
    return {
      queue: name,
      'enqueue singly': cell('enqueue'),
      'claim + complete singly': cell('end'),
      [`enqueue by ${ENQUEUE_BATCH}`]: cell('put'),
      'claim + complete in batches': cell('take'),
    };
  });
  console.table(rows);
  for (const queue of queues) await queue.close();
}

async function rate(work: () => Promise<void>): Promise<number> {
  const began = systemClock.monotonic();
  await work();
  return (jobs * 1_000) / (systemClock.monotonic() - began);
}

function newJob(index: number, tenant = index): NewJob {
  return {
    tenantId: tenantId(tenant),
    originalId: originalId(index),
    jobId: newId('job', systemClock),
    lane: 'normal',
    costMicros: 100_000,
    bytesPredicted: 50_000_000,
  };
}

async function safelight(): Promise<QueueUnderTest> {
  const database = await stand.database('safelight', jobs, AT_ONCE, jobs);
  const work = async (left: { jobs: number }, node: string, jobsMax: number) => {
    while (left.jobs > 0) {
      const claimed = await claim(database, node, jobsMax);
      left.jobs -= claimed.length;
      if (jobsMax > 1) await completeMany(database, claimed);
      else for (const job of claimed) await complete(database, job);
    }
  };
  const process = async (count: number, atOnce: number, jobsMax: number) => {
    const left = { jobs: count };
    // As every worker node does once a second.
    const tending = setInterval(() => tendQueue(database).catch(console.error), 1_000);
    await Promise.all(Array.from({ length: atOnce }, (_, node) => work(left, `node_${node}`, jobsMax)));
    clearInterval(tending);
  };
  return {
    name: 'safelight',
    enqueueSingly: (count, atOnce) =>
      inTurns(count, atOnce, async (index) => {
        await enqueue(database, newJob(index));
      }),
    processSingly: (count, atOnce) => process(count, atOnce, 1),
    // A batch is one tenant's import: the originals beyond the first are in blocks.
    enqueueInBatches: (count) =>
      fill(database, jobs, count, ENQUEUE_BATCH, (index) => Math.floor(index / ENQUEUE_BATCH)),
    processInBatches: (count, atOnce) => process(count, atOnce, CLAIM_BATCH),
    close: async () => undefined,
  };
}

async function fill(
  database: Database,
  from: number,
  count: number,
  batch: number,
  tenantOf: (index: number) => number = (index) => index,
): Promise<void> {
  await inTurns(Math.ceil(count / batch), 2, async (at) => {
    const start = from + at * batch;
    const indexes = Array.from({ length: Math.min(batch, from + count - start) }, (_, index) => start + index);
    const batched = indexes.map((index) => newJob(index, tenantOf(index)));
    await database.transaction((tx) => enqueueMany(tx, batched));
  });
}

/** Two databases of one cluster, claimed from in turn, so that whatever else the machine does befalls both. */
async function printLatency(): Promise<void> {
  const few = await stand.database('few', FEW + CLAIMS, 1);
  const many = await stand.database('many', waiting + CLAIMS, 2);
  await fill(few, 0, FEW, ENQUEUE_BATCH);
  await fill(many, 0, waiting, 5 * ENQUEUE_BATCH);
  const takers = [
    { database: few, waits: [] as number[], from: FEW },
    { database: many, waits: [] as number[], from: waiting },
  ];
  for (let at = 0; at < CLAIMS; at++) {
    for (const { database, waits, from } of takers) {
      const began = systemClock.monotonic();
      const [job] = await claim(database, 'node_1', 1);
      waits.push(systemClock.monotonic() - began);
      if (job) await complete(database, job);
      // One out, one in: the number of those that wait stays.
      await enqueue(database, newJob(from + at));
      if (at % 100 === 0) await tendQueue(database);
    }
  }
  console.log(`\nmilliseconds of one claim, ${CLAIMS} claims each in turn, ${TENANTS} tenants`);
  const [base, long] = takers.map(({ waits }) => [median(waits), quantile(waits, 0.95)]);
  const row = (name: string, figures: readonly number[] = []) => ({
    waiting: name,
    p50: figures[0]?.toFixed(3),
    p95: figures[1]?.toFixed(3),
  });
  const ratios = (long ?? []).map((value, index) => value / (base?.[index] ?? Number.NaN));
  console.table([row(String(FEW), base), row(String(waiting), long), row('ratio', ratios)]);
}
