import { hotStatement, statement } from '../db/statement.ts';

/** Charges the account for one job, by the parameters of {@link enqueueJob}, and tells where the job starts. */
const CHARGED = `charged AS (
     INSERT INTO tenant_lanes AS a (tenant_id, lane, virtual_finish, virtual_charged)
     SELECT tenant_id, $4, lane_clock($4) + charge, charge
     FROM (
       SELECT tenant_id, least(greatest(round($5::numeric / weight::numeric), 1), $8)::bigint AS charge
       FROM tenants WHERE tenant_id = $1
     ) AS t
     ON CONFLICT (tenant_id, lane) DO UPDATE SET
       virtual_finish = greatest(a.virtual_finish + excluded.virtual_charged, excluded.virtual_finish),
       virtual_charged = a.virtual_charged + excluded.virtual_charged
     RETURNING a.virtual_finish - (
       SELECT least(greatest(round($5::numeric / weight::numeric), 1), $8)::bigint FROM tenants WHERE tenant_id = $1
     ) AS virtual_start
   `;

/**
 * Puts a job into the queue, in one statement.
 *
 * The tenant's account in the lane is charged, and that upsert's row lock serialises the tenant's own enqueueing
 * (nobody else's) until commit: let this be the last statement of a transaction. The job starts where the charge
 * starts. An original that has an unclaimed job takes no second row: the conflict on jobs_by_original adds cost and
 * keeps the larger memory. A claim that commits meanwhile takes the row out of the index's way, and the insert goes
 * through.
 *
 * Locks are taken in one order everywhere: accounts (by tenant and lane), then jobs. Claims take jobs alone.
 *
 * $8 the largest charge, $9 the largest cost.
 */
export const enqueueJob = hotStatement(
  'jobs-enqueue',
  `WITH ${CHARGED}), stored AS (
     INSERT INTO jobs AS j
       (tenant_id, job_id, original_id, lane, virtual_start, cost_micros, bytes_predicted, traceparent)
     SELECT $1, $2, $3, $4, virtual_start, least($5, $9), $6, $7 FROM charged
     ON CONFLICT (tenant_id, original_id, (CASE WHEN lease_token = 0 THEN '' ELSE job_id END)) DO UPDATE SET
       cost_micros = least(j.cost_micros + excluded.cost_micros, $9),
       bytes_predicted = greatest(j.bytes_predicted, excluded.bytes_predicted)
     RETURNING j.job_id, j.lane
   )
   SELECT job_id AS "jobId", lane, job_id <> $2 AS joined, wake_parked_nodes(1) AS woken FROM stored`,
);

/**
 * Puts a job of the `live` lane into the queue for a node whose worker waits for it: as {@link enqueueJob}, but leased
 * to that node at once if it is the next of its lane (see the migration's `pass_live_lane`), which saves the claim. An
 * original with an unclaimed job takes no second one: the work joins that job, which is found under the lock on the
 * original that whoever orders holds, so none can come in between.
 *
 * $8 the largest charge, $9 the largest cost, $10 the node, $11 the lease in milliseconds.
 */
export const enqueueLeasedJob = hotStatement(
  'jobs-enqueue-leased',
  `WITH ${CHARGED}), placed AS MATERIALIZED (
     SELECT virtual_start, CASE
       WHEN EXISTS (SELECT FROM jobs w WHERE w.tenant_id = $1 AND w.original_id = $3 AND w.lease_token = 0) THEN false
       WHEN (SELECT t.status FROM tenants t WHERE t.tenant_id = $1) <> 'active' THEN false
       ELSE pass_live_lane(virtual_start) END AS is_next
     FROM charged
   ), stored AS (
     INSERT INTO jobs AS j
       (tenant_id, job_id, original_id, lane, virtual_start, cost_micros, bytes_predicted, traceparent,
        state, lease_token, lease_until, leased_by, first_claimed_at)
     SELECT $1, $2, $3, $4, virtual_start, least($5, $9), $6, $7,
       CASE WHEN is_next THEN 'leased' ELSE 'queued' END, CASE WHEN is_next THEN 1 ELSE 0 END,
       CASE WHEN is_next THEN clock_timestamp() + $11 * interval '1 millisecond' END,
       CASE WHEN is_next THEN $10 END, CASE WHEN is_next THEN clock_timestamp() END
     FROM placed
     ON CONFLICT (tenant_id, original_id, (CASE WHEN lease_token = 0 THEN '' ELSE job_id END)) DO UPDATE SET
       cost_micros = least(j.cost_micros + excluded.cost_micros, $9),
       bytes_predicted = greatest(j.bytes_predicted, excluded.bytes_predicted)
     RETURNING j.job_id, j.lane, j.state, j.created_at
   )
   SELECT job_id AS "jobId", lane, job_id <> $2 AS joined, state = 'leased' AS leased, created_at AS "createdAt",
     CASE WHEN state = 'leased' THEN 0 ELSE wake_parked_nodes(1) END AS woken
   FROM stored`,
);

/**
 * Puts many jobs, of any number of tenants, into the queue in one statement: as {@link enqueueJob}, but each account
 * is charged once for all its jobs, and each job counts its start back from the finish that this returns.
 *
 * $1-$7 parallel arrays, $8 the largest charge, $9 the largest cost.
 */
export const enqueueJobs = statement(
  'jobs-enqueue-many',
  `WITH input AS MATERIALIZED (
     SELECT i.*, sum(i.charge) OVER (PARTITION BY i.tenant_id, i.lane ORDER BY i.place) AS charge_until
     FROM (
       SELECT u.*, least(greatest(round(u.cost_micros::numeric
         / (SELECT t.weight FROM tenants t WHERE t.tenant_id = u.tenant_id)::numeric), 1), $8)::bigint AS charge
       FROM unnest($1::text[], $2::text[], $3::text[], $4::text[], $5::bigint[], $6::bigint[], $7::text[])
         WITH ORDINALITY AS u(tenant_id, job_id, original_id, lane, cost_micros, bytes_predicted, traceparent, place)
     ) AS i
   ), charged AS (
     INSERT INTO tenant_lanes AS a (tenant_id, lane, virtual_finish, virtual_charged)
     SELECT g.tenant_id, g.lane, lane_clock(g.lane) + g.total, g.total
     FROM (SELECT tenant_id, lane, sum(charge)::bigint AS total FROM input GROUP BY tenant_id, lane) AS g
     ORDER BY g.tenant_id, g.lane
     ON CONFLICT (tenant_id, lane) DO UPDATE SET
       virtual_finish = greatest(a.virtual_finish + excluded.virtual_charged, excluded.virtual_finish),
       virtual_charged = a.virtual_charged + excluded.virtual_charged
     RETURNING a.tenant_id, a.lane, a.virtual_finish
   ), stored AS (
     INSERT INTO jobs AS j
       (tenant_id, job_id, original_id, lane, virtual_start, cost_micros, bytes_predicted, traceparent)
     SELECT i.tenant_id, i.job_id, i.original_id, i.lane,
       c.virtual_finish - (max(i.charge_until) OVER (PARTITION BY i.tenant_id, i.lane))::bigint
         + i.charge_until::bigint - i.charge,
       least(i.cost_micros, $9), i.bytes_predicted, i.traceparent
     FROM input i JOIN charged c ON c.tenant_id = i.tenant_id AND c.lane = i.lane
     ORDER BY i.place
     ON CONFLICT (tenant_id, original_id, (CASE WHEN lease_token = 0 THEN '' ELSE job_id END)) DO UPDATE SET
       cost_micros = least(j.cost_micros + excluded.cost_micros, $9),
       bytes_predicted = greatest(j.bytes_predicted, excluded.bytes_predicted)
     RETURNING j.tenant_id, j.job_id, j.original_id, j.lane
   )
   SELECT s.job_id AS "jobId", s.lane, s.job_id <> i.job_id AS joined,
     (SELECT wake_parked_nodes(count(*)) FROM stored) AS woken
   FROM input i JOIN stored s ON s.tenant_id = i.tenant_id AND s.original_id = i.original_id
   ORDER BY i.place`,
);
