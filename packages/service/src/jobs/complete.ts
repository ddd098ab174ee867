import type { Transaction } from '../db/database.ts';
import { deleteLeasedJob, deleteLeasedJobs, lockLeasedJob } from './complete.sql.ts';
import type { Lease } from './model.ts';

/**
 * Ends a job, in the transaction that records what it made.
 * @returns false when the lease has been lost: then the transaction must change nothing and roll back.
 */
export async function complete(tx: Transaction, lease: Lease): Promise<boolean> {
  const ended = await tx.query(deleteLeasedJob, [lease.tenantId, lease.jobId, lease.token]);
  return ended.length > 0;
}

/**
 * Ends many jobs at once, for work so small that a transaction each would cost more than the work.
 * @returns the leases that stood and whose jobs have ended; record the results of these alone.
 */
export async function completeMany(tx: Transaction, leases: readonly Lease[]): Promise<Lease[]> {
  if (leases.length === 0) return [];
  return tx.query<Lease>(deleteLeasedJobs, [
    leases.map((lease) => lease.tenantId),
    leases.map((lease) => lease.jobId),
    leases.map((lease) => lease.token),
  ]);
}

/**
 * Whether the lease still stands; if so, the job's row stays locked until the transaction ends. For recording a part
 * of a long job's work under the same fence as its end.
 */
export async function isHeld(tx: Transaction, lease: Lease): Promise<boolean> {
  const held = await tx.query(lockLeasedJob, [lease.tenantId, lease.jobId, lease.token]);
  return held.length > 0;
}
