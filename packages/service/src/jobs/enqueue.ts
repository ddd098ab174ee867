import { invariant } from '../core/invariant.ts';
import type { Queryable, Transaction } from '../db/database.ts';
import { enqueueJob, enqueueJobs, enqueueLeasedJob } from './enqueue.sql.ts';
import type { ClaimedJob, Enqueued, Lane, NewJob } from './model.ts';
import { moveJob } from './move.ts';
import { CHARGE_MICROS_MAX, COST_MICROS_MAX, isMoreUrgent, LEASE_MS } from './policy.ts';

/** A statement of this many jobs takes tens of milliseconds; more gain nothing and hold the account's lock longer. */
const ENQUEUE_JOBS_MAX = 5_000;

interface EnqueuedRow extends Enqueued {
  readonly lane: Lane;
}

/**
 * Puts a job into the queue, or adds its work to the original's unclaimed job, which moves to the given lane if that
 * is more urgent. Call it last in the transaction: it locks the tenant's account in the lane until commit.
 */
export async function enqueue(tx: Transaction, job: NewJob): Promise<Enqueued> {
  const { tenantId, jobId, originalId, lane } = job;
  const [cost, bytes] = [wholeCost(job), Math.round(job.bytesPredicted)];
  const [row] = await tx.query<EnqueuedRow>(enqueueJob, [
    ...[tenantId, jobId, originalId, lane, cost, bytes, job.traceparent ?? null],
    CHARGE_MICROS_MAX,
    COST_MICROS_MAX,
  ]);
  invariant(row, `tenant ${tenantId} does not exist`);
  return settle(tx, job, row);
}

interface BornRow extends EnqueuedRow {
  readonly leased: boolean;
  readonly createdAt: Date;
}

/**
 * As {@link enqueue}, for a job of the `live` lane that a worker of `nodeId` waits for: it is leased to that node at once
 * unless an earlier job of the lane waits, or an unclaimed one of the same original, which it joins. The caller holds
 * the original locked. Only when the transaction has committed is the lease good.
 */
export async function enqueueLeased(
  tx: Transaction,
  job: NewJob,
  nodeId: string,
): Promise<Enqueued & { readonly leased: ClaimedJob | undefined }> {
  invariant(job.lane === 'live', `a job is leased at birth because somebody waits, not in the lane ${job.lane}`);
  const { tenantId, jobId, originalId, lane } = job;
  const [costMicros, bytesPredicted] = [wholeCost(job), Math.round(job.bytesPredicted)];
  const [row] = await tx.query<BornRow>(enqueueLeasedJob, [
    ...[tenantId, jobId, originalId, lane, costMicros, bytesPredicted, job.traceparent ?? null],
    ...[CHARGE_MICROS_MAX, COST_MICROS_MAX, nodeId, LEASE_MS],
  ]);
  invariant(row, `tenant ${tenantId} does not exist`);
  if (!row.leased) return { ...(await settle(tx, job, row)), leased: undefined };
  const leased: ClaimedJob = {
    ...{ tenantId, jobId, originalId, lane, costMicros, bytesPredicted, token: 1 },
    ...{ attempts: 0, crashes: 0, expiries: 0, solitary: false },
    traceparent: job.traceparent ?? null,
    createdAt: row.createdAt,
    waitedMs: 0,
  };
  return { jobId, joined: false, leased };
}

/**
 * Puts many jobs, of one tenant or (as the system) of several, into the queue in one statement.
 * @param jobs at most 5,000, no original twice.
 * @returns one answer per job, in the order given.
 */
export async function enqueueMany(tx: Queryable, jobs: readonly NewJob[]): Promise<Enqueued[]> {
  invariant(jobs.length <= ENQUEUE_JOBS_MAX, `at most ${ENQUEUE_JOBS_MAX} jobs at once, got ${jobs.length}`);
  if (jobs.length === 0) return [];
  const rows = await tx.query<EnqueuedRow>(enqueueJobs, [
    jobs.map((job) => job.tenantId),
    jobs.map((job) => job.jobId),
    jobs.map((job) => job.originalId),
    jobs.map((job) => job.lane),
    jobs.map(wholeCost),
    jobs.map((job) => Math.round(job.bytesPredicted)),
    jobs.map((job) => job.traceparent ?? null),
    CHARGE_MICROS_MAX,
    COST_MICROS_MAX,
  ]);
  invariant(rows.length === jobs.length, 'an original stands once in a batch of jobs, and its tenant exists');
  const enqueued: Enqueued[] = [];
  for (const [index, job] of jobs.entries()) {
    const row = rows[index];
    if (row) enqueued.push(await settle(tx, job, row));
  }
  return enqueued;
}

/** A joined job moves when it is now wanted more urgently; what this request added was charged there already. */
async function settle(tx: Queryable, job: NewJob, row: EnqueuedRow): Promise<Enqueued> {
  const { jobId, joined } = row;
  if (isMoreUrgent(job.lane, row.lane)) {
    await moveJob(tx, { tenantId: job.tenantId, jobId, lane: job.lane, costCharged: wholeCost(job) });
  }
  return { jobId, joined };
}

function wholeCost(job: NewJob): number {
  return Math.min(Math.max(1, Math.round(job.costMicros)), COST_MICROS_MAX);
}
