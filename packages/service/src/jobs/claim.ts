import { invariant } from '../core/invariant.ts';
import type { Queryable } from '../db/database.ts';
import { claimJobs } from './claim.sql.ts';
import type { ClaimedJob } from './model.ts';
import { LEASE_MS } from './policy.ts';

/** More at once would take them from other nodes' idle workers. */
export const CLAIM_JOBS_MAX = 64;

/**
 * Leases up to `jobsMax` jobs to a node for {@link LEASE_MS}, in fair order; none when nothing is ready.
 * An answer that is lost on the way leases the jobs to nobody: they are not renewed and return after the lease.
 */
export async function claim(database: Queryable, nodeId: string, jobsMax: number): Promise<ClaimedJob[]> {
  invariant(jobsMax >= 1 && jobsMax <= CLAIM_JOBS_MAX, `claim 1 to ${CLAIM_JOBS_MAX} jobs, not ${jobsMax}`);
  return database.query<ClaimedJob>(claimJobs, [nodeId, jobsMax, LEASE_MS]);
}
