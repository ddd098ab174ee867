import type { Queryable } from '../db/database.ts';
import type { Lease, Misfortunes } from './model.ts';
import { afterRelease, type Outcome, type Release } from './policy.ts';
import { releaseJob } from './release.sql.ts';

/**
 * Gives a leased job back and says what becomes of it. When the outcome's state is `dead`, the same transaction must
 * fail what the job was to make.
 * @param random uniform in [0, 1), spreads the retries.
 * @returns undefined when the lease had been lost and nothing changed.
 */
export async function release(
  tx: Queryable,
  job: Lease & Misfortunes,
  why: Release,
  random: number,
): Promise<Outcome | undefined> {
  const outcome = afterRelease(job, why, random);
  const released = await tx.query(releaseJob, [
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
  return released.length > 0 ? outcome : undefined;
}
