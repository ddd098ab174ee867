import { statement } from '../db/statement.ts';

/** The lanes whose accounts a cancellation touches: one look-up in jobs_by_original, no lock. */
export const findLanesOfOriginal = statement(
  'jobs-find-lanes',
  `SELECT DISTINCT lane FROM jobs WHERE tenant_id = $1 AND original_id = $2`,
);

/**
 * Deletes an original's jobs, whatever their state, and gives back what the waiting ones were charged. A worker that
 * has one leased finds its lease gone. The accounts are locked before (lockAccounts).
 */
export const deleteJobsOfOriginal = statement(
  'jobs-cancel',
  `WITH cancelled AS (
     DELETE FROM jobs j USING tenants t
     WHERE j.tenant_id = $1 AND j.original_id = $2 AND t.tenant_id = $1
     RETURNING j.job_id, j.lane, j.state,
       least(greatest(round(j.cost_micros::numeric / t.weight::numeric), 1), $3)::bigint AS charge
   ), repaid AS (
     UPDATE tenant_lanes a SET
       virtual_finish = greatest(a.virtual_finish - c.charge, 0), virtual_charged = a.virtual_charged - c.charge
     FROM (SELECT lane, sum(charge)::bigint AS charge FROM cancelled
           WHERE state IN ('queued', 'delayed') GROUP BY lane) AS c
     WHERE a.tenant_id = $1 AND a.lane = c.lane
   )
   SELECT job_id AS "jobId" FROM cancelled`,
);
