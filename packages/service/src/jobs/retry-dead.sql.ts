import { statement } from '../db/statement.ts';

/**
 * Queues a dead job anew, at the end of its tenant's jobs in its lane and charged again, as if it were new. The
 * account's lock is taken before (lockAccounts).
 */
export const reviveJob = statement(
  'jobs-revive',
  `WITH reviving AS MATERIALIZED (
     SELECT j.ctid AS row_address, j.lane, greatest(a.virtual_finish, lane_clock(j.lane)) AS virtual_start,
       least(greatest(round(j.cost_micros::numeric / t.weight::numeric), 1), $3)::bigint AS charge
     FROM jobs j
     JOIN tenants t ON t.tenant_id = $1
     JOIN tenant_lanes a ON a.tenant_id = $1 AND a.lane = j.lane
     WHERE j.tenant_id = $1 AND j.job_id = $2 AND j.state = 'dead'
     FOR UPDATE OF j
   ), revived AS (
     UPDATE jobs j SET
       state = 'queued', virtual_start = r.virtual_start, ready_at = clock_timestamp(), died_at = NULL,
       attempts = $4, crashes = $5, expiries = $6, solitary = $7, cause_code = NULL, cause_message = NULL
     FROM reviving r WHERE j.ctid = r.row_address
     RETURNING j.job_id
   ), paid AS (
     UPDATE tenant_lanes a SET
       virtual_finish = r.virtual_start + r.charge, virtual_charged = a.virtual_charged + r.charge
     FROM reviving r WHERE a.tenant_id = $1 AND a.lane = r.lane AND EXISTS (SELECT FROM revived)
   )
   SELECT job_id, wake_parked_nodes(1) FROM revived`,
);

/** What has gone wrong with a dead job: one look-up by primary key, no lock. */
export const findDeadJob = statement(
  'jobs-find-dead',
  `SELECT lane, attempts, crashes, expiries, solitary FROM jobs WHERE tenant_id = $1 AND job_id = $2 AND state = 'dead'`,
);
