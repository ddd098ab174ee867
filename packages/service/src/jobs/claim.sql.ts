import { hotStatement } from '../db/statement.ts';

/**
 * Leases jobs in fair order. The work is in the migration's function `claim_jobs`, which carries planner settings of
 * its own: an index scan of jobs_queued from the lane's floor with FOR UPDATE SKIP LOCKED, lane by lane in the order
 * of its ticket, until enough are found. O(log n) in the length of the queue; dead entries of jobs claimed more than a
 * few seconds ago lie below the floor and are not walked.
 */
export const claimJobs = hotStatement(
  'jobs-claim',
  `SELECT tenant_id AS "tenantId", job_id AS "jobId", lease_token AS token, original_id AS "originalId", lane,
     cost_micros AS "costMicros", bytes_predicted AS "bytesPredicted", attempts, crashes, expiries, solitary,
     traceparent, created_at AS "createdAt",
     (extract(epoch FROM clock_timestamp() - ready_at) * 1000)::float8 AS "waitedMs"
   FROM claim_jobs($1, $2, $3 * interval '1 millisecond')`,
);
