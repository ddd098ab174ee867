import type { Transaction } from '../db/database.ts';
import { deleteJobsOfOriginal, findLanesOfOriginal } from './cancel.sql.ts';
import type { Lane } from './model.ts';
import { lockAccounts } from './move.sql.ts';
import { CHARGE_MICROS_MAX } from './policy.ts';

/**
 * Deletes every job of an original that is going away, waiting, leased or dead; lock the original's row first, so that
 * no new one arrives.
 * @returns the ids of the jobs that were deleted.
 */
export async function cancelJobs(tx: Transaction, tenantId: string, originalId: string): Promise<string[]> {
  const lanes = await tx.query<{ lane: Lane }>(findLanesOfOriginal, [tenantId, originalId]);
  if (lanes.length === 0) return [];
  await tx.query(lockAccounts, [tenantId, lanes.map(({ lane }) => lane)]);
  const cancelled = await tx.query<{ jobId: string }>(deleteJobsOfOriginal, [tenantId, originalId, CHARGE_MICROS_MAX]);
  return cancelled.map(({ jobId }) => jobId);
}
