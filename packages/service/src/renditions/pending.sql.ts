import { hotStatement } from '../db/statement.ts';

/**
 * How many renditions the tenant's jobs of a lane still owe, and how many of them are of one original; reads no more
 * than the bound, however many there are: the lane's own index, and for each job what it owes.
 */
const countIn = (lane: 'live' | 'batch') =>
  hotStatement(
    `count_pending_${lane}_renditions`,
    `SELECT count(*)::int AS of_tenant, count(*) FILTER (WHERE p.original_id = $2)::int AS of_original
     FROM (
       SELECT r.original_id
       FROM jobs j JOIN renditions r ON r.tenant_id = j.tenant_id AND r.job_id = j.job_id
       WHERE j.tenant_id = $1 AND j.lane = '${lane}' AND j.state <> 'dead' AND r.state = 'pending'
       LIMIT $3
     ) AS p`,
  );

/** By the lane in which another is ordered. */
export const countPending = { live: countIn('live'), batch: countIn('batch') } as const;
