import { hotStatement } from '../db/statement.ts';

/**
 * How many renditions the tenant's `live` jobs still owe, and how many of them are of one original; reads no more than
 * the bound, however many there are: the index jobs_live, and for each job what it owes.
 */
export const countPending = hotStatement(
  'count_pending_live_renditions',
  `SELECT count(*)::int AS of_tenant, count(*) FILTER (WHERE p.original_id = $2)::int AS of_original
   FROM (
     SELECT r.original_id
     FROM jobs j JOIN renditions r ON r.tenant_id = j.tenant_id AND r.job_id = j.job_id
     WHERE j.tenant_id = $1 AND j.lane = 'live' AND j.state <> 'dead' AND r.state = 'pending'
     LIMIT $3
   ) AS p`,
);
