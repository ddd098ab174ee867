import { statement } from '../db/statement.ts';

/**
 * Gives a leased job back as the policy decided: by primary key and only with the current token. It keeps its place,
 * which is the head of its lane when the clock has passed it (see virtualReturn). A job that can be claimed at once
 * wakes a parked node.
 */
export const releaseJob = statement(
  'jobs-release',
  `WITH released AS (
     UPDATE jobs SET
       state = $4, attempts = $5, crashes = $6, expiries = $7, solitary = $8,
       ready_at = CASE WHEN $4 = 'dead' THEN ready_at ELSE clock_timestamp() + $9 * interval '1 millisecond' END,
       died_at = CASE WHEN $4 = 'dead' THEN clock_timestamp() END,
       cause_code = coalesce($10, cause_code), cause_message = coalesce($11, cause_message),
       virtual_start = greatest(virtual_start, lane_clock(lane)), lease_until = NULL, leased_by = NULL
     WHERE tenant_id = $1 AND job_id = $2 AND state = 'leased' AND lease_token = $3
     RETURNING job_id, state
   )
   SELECT job_id, CASE WHEN state = 'queued' THEN wake_parked_nodes(1) END FROM released`,
);
