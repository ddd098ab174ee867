import { hotStatement, statement } from '../db/statement.ts';

/** A lease that ran out, or ends so far ahead that the clock must have been set back. $1 that far, in ms. */
const EXPIRED = `state = 'leased'
     AND (lease_until < clock_timestamp() OR lease_until > clock_timestamp() + $1 * interval '1 millisecond')`;

/**
 * Whether anything below has work, and whether a job waits to be claimed: one question instead of five, for what a queue
 * that is well has in store is nothing. Reads jobs_leased, which is as long as the fleet has workers, the two ends of
 * jobs_delayed, and of each lane the first entry above its floor. $1 how far ahead no lease ends, $2 no delay, in ms.
 */
export const lookAtQueue = hotStatement(
  'jobs-look',
  `SELECT EXISTS (SELECT FROM jobs WHERE ${EXPIRED}) AS "isExpired",
     EXISTS (SELECT FROM jobs WHERE state = 'delayed' AND ready_at <= clock_timestamp())
       OR EXISTS (SELECT FROM jobs WHERE state = 'delayed' AND ready_at > clock_timestamp() + $2 * interval '1 millisecond')
       AS "isDue",
     (SELECT extract(epoch FROM min(ready_at) - clock_timestamp()) * 1000 FROM jobs
      WHERE state = 'delayed' AND ready_at > clock_timestamp())::float8 AS "nextDueMs",
     EXISTS (SELECT FROM lane_floors f WHERE (f.next_at <= clock_timestamp() OR f.noted_at > clock_timestamp())
       AND NOT (f.floor = f.clock_noted AND f.clock_noted = lane_clock(f.lane))) AS "isFloorLow",
     EXISTS (SELECT FROM lane_floors f WHERE EXISTS (
       SELECT FROM jobs j WHERE j.state = 'queued' AND j.lane = f.lane AND j.virtual_start >= f.floor)) AS "isQueued"`,
);

/**
 * Locks the jobs whose lease ran out. Reads jobs_leased whole, which is as long as the fleet has workers; skips rows
 * that somebody is completing this very moment.
 */
export const lockExpiredJobs = statement(
  'jobs-lock-expired',
  `SELECT tenant_id AS "tenantId", job_id AS "jobId", lease_token AS token, attempts, crashes, expiries, solitary
   FROM jobs
   WHERE ${EXPIRED}
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
