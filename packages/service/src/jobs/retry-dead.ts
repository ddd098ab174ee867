import type { Transaction } from '../db/database.ts';
import type { Lane, Misfortunes } from './model.ts';
import { lockAccounts } from './move.sql.ts';
import { afterRevival, CHARGE_MICROS_MAX } from './policy.ts';
import { findDeadJob, reviveJob } from './retry-dead.sql.ts';

/**
 * Puts a dead job back into its lane with a clean slate; one that killed its workers still runs alone. In the same
 * transaction the caller resets what the job was to make.
 * @returns whether there was such a dead job.
 */
export async function retryDead(tx: Transaction, tenantId: string, jobId: string): Promise<boolean> {
  const [dead] = await tx.query<Misfortunes & { lane: Lane }>(findDeadJob, [tenantId, jobId]);
  if (!dead) return false;
  await tx.query(lockAccounts, [tenantId, [dead.lane]]);
  const { attempts, crashes, expiries, solitary } = afterRevival(dead);
  const revived = await tx.query(reviveJob, [
    tenantId,
    jobId,
    CHARGE_MICROS_MAX,
    attempts,
    crashes,
    expiries,
    solitary,
  ]);
  return revived.length > 0;
}
