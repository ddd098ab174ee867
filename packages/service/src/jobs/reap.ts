import { invariant } from '../core/invariant.ts';
import type { Queryable, Transaction } from '../db/database.ts';
import type { Lease, Misfortunes } from './model.ts';
import { afterExpiry, LEASE_AHEAD_MS_MAX, type Outcome, RETRY_BACKOFF } from './policy.ts';
import { lockExpiredJobs, lookAtQueue as lookAtQueueStatement, queueDueJobs, raiseLaneFloors } from './reap.sql.ts';
import { releaseJob } from './release.sql.ts';

/** Bounds one round; the next goes on. */
const REAPED_JOBS_MAX = 500;

export interface Expired {
  readonly tenantId: string;
  readonly jobId: string;
  readonly outcome: Outcome;
}

/**
 * Takes back jobs whose lease ran out. In the same transaction the caller must fail what the `dead` among them were to
 * make. Any number of nodes may do this at once; each job is taken back by one.
 */
export async function reapExpired(tx: Transaction): Promise<Expired[]> {
  const jobs = await tx.query<Lease & Misfortunes>(lockExpiredJobs, [LEASE_AHEAD_MS_MAX, REAPED_JOBS_MAX]);
  const expired: Expired[] = [];
  for (const job of jobs) {
    const outcome = afterExpiry(job);
    await tx.query(releaseJob, [
      job.tenantId,
      job.jobId,
      job.token,
      outcome.state,
      outcome.attempts,
      outcome.crashes,
      outcome.expiries,
      outcome.solitary,
      outcome.delayMs,
      outcome.cause?.code ?? null,
      outcome.cause?.message ?? null,
    ]);
    expired.push({ tenantId: job.tenantId, jobId: job.jobId, outcome });
  }
  return expired;
}

export interface QueueLook {
  /** Leases have run out: see {@link reapExpired}. */
  readonly isExpired: boolean;
  /** Delayed jobs fell due. */
  readonly isDue: boolean;
  /** A lane's floor may follow its clock. */
  readonly isFloorLow: boolean;
  /** Until the next delayed job falls due; null when none waits. */
  readonly nextDueMs: number | null;
  /** A job waits to be claimed. */
  readonly isQueued: boolean;
}

/** What there is to do for whoever tends the queue; nothing nearly always. */
export async function lookAtQueue(database: Queryable): Promise<QueueLook> {
  const [look] = await database.query<QueueLook>(lookAtQueueStatement, [LEASE_AHEAD_MS_MAX, RETRY_BACKOFF.capMs]);
  invariant(look, 'a look always answers');
  return look;
}

export interface Tended {
  /** Delayed jobs that can be claimed now. */
  readonly queued: number;
  /** Until the next delayed job falls due; null when none waits. */
  readonly nextDueMs: number | null;
}

/** Queues delayed jobs that are due and tidies the lanes, as a look has found it due. Any number of nodes may do this at once. */
export async function tendQueue(
  database: Queryable,
  look: Partial<QueueLook> = { isDue: true, isFloorLow: true },
): Promise<Tended> {
  if (look.isFloorLow) await database.query(raiseLaneFloors);
  if (!look.isDue) return { queued: 0, nextDueMs: look.nextDueMs ?? null };
  const [tended] = await database.query<Tended>(queueDueJobs, [RETRY_BACKOFF.capMs, REAPED_JOBS_MAX]);
  return { queued: tended?.queued ?? 0, nextDueMs: tended?.nextDueMs ?? null };
}
