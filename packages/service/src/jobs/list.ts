import { invariant } from '../core/invariant.ts';
import type { Transaction } from '../db/database.ts';
import { listTenantJobs } from './list.sql.ts';
import type { Job } from './model.ts';

const LISTED_JOBS_MAX = 500;

type JobRow = Omit<Job, 'cause'> & { readonly causeCode: string | null; readonly causeMessage: string | null };

/** A tenant's jobs: the dead first, the newest death first; then the others, the oldest first. */
export async function listJobs(tx: Transaction, tenantId: string, limit = LISTED_JOBS_MAX): Promise<Job[]> {
  invariant(limit >= 1 && limit <= LISTED_JOBS_MAX, `list 1 to ${LISTED_JOBS_MAX} jobs, not ${limit}`);
  const rows = await tx.query<JobRow>(listTenantJobs, [tenantId, limit]);
  return rows.map(({ causeCode, causeMessage, ...job }) => ({
    ...job,
    cause: causeCode === null ? null : { code: causeCode, message: causeMessage ?? '' },
  }));
}
