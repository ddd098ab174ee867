import { statement } from '../db/statement.ts';

/**
 * Locks the jobs whose lease ran out, or ends so far ahead that the clock must have been set back. Reads jobs_leased
 * whole, which is as long as the fleet has workers; skips rows that somebody is completing this very moment.
 */
export const lockExpiredJobs = statement(
  'jobs-lock-expired',
  `SELECT tenant_id AS "tenantId", job_id AS "jobId", lease_token AS token, attempts, crashes, expiries, solitary
   FROM jobs
   WHERE state = 'leased'
     AND (lease_until < clock_timestamp() OR lease_until > clock_timestamp() + $1 * interval '1 millisecond')
   LIMIT $2
   FOR UPDATE SKIP LOCKED`,
);

/**
 * Queues delayed jobs that are due, or whose time lies further ahead than the longest delay. Two ends of jobs_delayed.
 * Answers how many, and in how many milliseconds the next falls due.
 */
export const queueDueJobs = statement(
  'jobs-queue-due',
  `WITH due AS MATERIALIZED (
     SELECT ctid AS row_address FROM jobs
     WHERE state = 'delayed'
       AND (ready_at <= clock_timestamp() OR ready_at > clock_timestamp() + $1 * interval '1 millisecond')
     LIMIT $2
     FOR UPDATE SKIP LOCKED
   ), queued AS (
     UPDATE jobs SET
       state = 'queued', ready_at = clock_timestamp(), virtual_start = greatest(virtual_start, lane_clock(lane))
     FROM due WHERE jobs.ctid = due.row_address
     RETURNING jobs.job_id
   )
   SELECT (SELECT count(*) FROM queued) AS queued,
     CASE WHEN (SELECT count(*) FROM queued) > 0 THEN (SELECT wake_parked_nodes(count(*)) FROM queued) END AS woken,
     (SELECT extract(epoch FROM min(ready_at) - clock_timestamp()) * 1000 FROM jobs
      WHERE state = 'delayed' AND ready_at > clock_timestamp())::float8 AS "nextDueMs"`,
);

/** Lets the lanes' floors follow their clocks and lifts what was committed below them; see the migration. */
export const raiseLaneFloors = statement('jobs-raise-floors', 'SELECT raise_lane_floors() AS lifted');
