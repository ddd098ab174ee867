import { statement } from '../db/statement.ts';

/** Finds a waiting job that stands in a lane less urgent than the wanted one. One look-up by primary key, no lock. */
export const findMovable = statement(
  'jobs-find-movable',
  `SELECT lane FROM jobs
   WHERE tenant_id = $1 AND job_id = $2 AND state IN ('queued', 'delayed') AND lane = ANY ($3::text[])`,
);

/**
 * Locks the tenant's accounts in the given lanes, making them where they are missing. Before any job is locked, and in
 * the order of their names: the order of enqueueing, so that the two never wait for each other in a circle.
 */
export const lockAccounts = statement(
  'jobs-lock-accounts',
  `INSERT INTO tenant_lanes AS a (tenant_id, lane, virtual_finish, virtual_charged)
   SELECT $1, l.lane, 0, 0 FROM unnest($2::text[]) AS l(lane) ORDER BY l.lane COLLATE "C"
   ON CONFLICT (tenant_id, lane) DO UPDATE SET virtual_finish = a.virtual_finish`,
);

/**
 * Moves the job, with its charge: the new lane's account pays what the old one gets back. The accounts are locked, so
 * of many who ask at once the first moves the job and the others find it moved. $5 is the part of the cost that the
 * new lane was charged already, and the job starts where that part did.
 */
export const moveJobToLane = statement(
  'jobs-move',
  `WITH waiting AS (
     SELECT j.ctid AS row_address, j.tenant_id,
       CASE WHEN $5 = 0 THEN 0
         ELSE least(greatest(round($5::numeric / t.weight::numeric), 1), $6) END::bigint AS charged,
       least(greatest(round((j.cost_micros - $5)::numeric / t.weight::numeric), 1), $6)::bigint AS charge
     FROM jobs j JOIN tenants t ON t.tenant_id = $1
     WHERE j.tenant_id = $1 AND j.job_id = $2 AND j.lane = $3 AND j.state IN ('queued', 'delayed')
     FOR UPDATE OF j
   ), moving AS MATERIALIZED (
     SELECT w.*, greatest(a.virtual_finish - w.charged, lane_clock($4)) AS virtual_start
     FROM waiting w JOIN tenant_lanes a ON a.tenant_id = $1 AND a.lane = $4
   ), moved AS (
     UPDATE jobs j SET lane = $4, virtual_start = m.virtual_start FROM moving m
     WHERE j.ctid = m.row_address
     RETURNING j.job_id
   ), paid AS (
     UPDATE tenant_lanes a SET
       virtual_finish = CASE WHEN a.lane = $4 THEN m.virtual_start + m.charged + m.charge
         ELSE greatest(a.virtual_finish - m.charge, 0) END,
       virtual_charged = a.virtual_charged + CASE WHEN a.lane = $4 THEN m.charge ELSE -m.charge END
     FROM moving m WHERE a.tenant_id = $1 AND a.lane IN ($3, $4) AND EXISTS (SELECT FROM moved)
   )
   SELECT job_id, wake_parked_nodes(1) FROM moved`,
);
