import { systemClock } from '../packages/service/src/core/clock.ts';
import { newId } from '../packages/service/src/core/ids.ts';
import { claim, complete, enqueue, enqueueMany } from '../packages/service/src/jobs/index.ts';
import { numberOption } from './support/number-option.ts';
import { QueueStand, tenantId } from './support/queue-stand.ts';

/**
 * Fair order: one tenant queues many pictures, another then sends one. How many further jobs of the first begin before
 * the other's does must not exceed the number of workers. Real queue, real PostgreSQL; a worker holds each job for some
 * milliseconds in the place of rendering it.
 *
 *     node bench/fair.ts [--backlog 10000] [--rounds 20] [--workers 2]
 */
const backlog = numberOption('--backlog', 10_000);
const rounds = numberOption('--rounds', 20);
const workers = numberOption('--workers', 2);
const HELD_MS = 5;
const BATCH = 1_000;
const [many, one] = [tenantId(0), tenantId(1)];

const stand = await QueueStand.start();
try {
  const database = await stand.database('fair', 2, workers + 2);
  await addOriginals(many, backlog);
  await addOriginals(one, rounds);
  for (let from = 0; from < backlog; from += BATCH) {
    const jobs = Array.from({ length: Math.min(BATCH, backlog - from) }, (_, index) => newJob(many, from + index));
    await database.transaction((tx) => enqueueMany(tx, jobs));
  }
  const begun: string[] = [];
  const seen = new Map<string, () => void>();
  let isOver = false;
  const work = async (node: string) => {
    while (!isOver) {
      const [job] = await claim(database, node, 1);
      if (!job) continue;
      begun.push(job.tenantId);
      seen.get(job.jobId)?.();
      await new Promise((resolve) => setTimeout(resolve, HELD_MS));
      await complete(database, job);
    }
  };
  const working = Array.from({ length: workers }, (_, index) => work(`node_${index}`));
  const overtaken: number[] = [];
  for (let round = 0; round < rounds; round += 1) {
    const job = newJob(one, round);
    const began = new Promise<void>((resolve) => seen.set(job.jobId, resolve));
    await enqueue(database, job);
    const acknowledgedAt = begun.length;
    await began;
    overtaken.push(begun.indexOf(one, acknowledgedAt) - acknowledgedAt);
  }
  isOver = true;
  await Promise.all(working);
  const most = Math.max(...overtaken);
  console.log(`${backlog} jobs of one tenant wait, ${workers} workers, ${rounds} times one job of another:`);
  console.log(`further jobs of the first that began before it: ${overtaken.join(' ')}; max ${most}, bound ${workers}`);
  if (most > workers) process.exitCode = 1;
} finally {
  await stand.stop();
}

function newJob(tenant: string, index: number) {
  return {
    tenantId: tenant,
    originalId: `orig_fair_${index}`,
    jobId: newId('job', systemClock),
    lane: 'normal' as const,
    costMicros: 100_000,
    bytesPredicted: 50_000_000,
  };
}

async function addOriginals(tenant: string, count: number): Promise<void> {
  await stand.superuser('fair', (client) =>
    client.query(
      `INSERT INTO safelight.originals
         (tenant_id, original_id, sha256, object_key, bytes, format, width, height, frames, facts)
       SELECT $1, 'orig_fair_' || n, sha256(convert_to($1 || n, 'UTF8')), $1 || '/original/fair_' || n, 1, 'jpeg', 1, 1, 1, '{}'
       FROM generate_series(0, $2::int - 1) AS n`,
      [tenant, count],
    ),
  );
}
