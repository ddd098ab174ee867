import { statement } from '../db/statement.ts';

/**
 * Holds the waiting jobs of one page of a tenant's, unless the tenant is active again: a range of the primary key, so
 * that a walk costs once what there is. What somebody has locked is left to the claim, which holds it too.
 * $1 tenant, $2 behind which job, $3 how many are looked at.
 */
export const holdPage = statement(
  'jobs-hold-page',
  `WITH page AS MATERIALIZED (
     SELECT job_id FROM jobs WHERE tenant_id = $1 AND job_id > $2 ORDER BY job_id LIMIT $3
   ), waiting AS MATERIALIZED (
     SELECT j.ctid AS row_address FROM page p JOIN jobs j ON j.tenant_id = $1 AND j.job_id = p.job_id
     WHERE j.state IN ('queued', 'delayed')
       AND EXISTS (SELECT FROM tenants t WHERE t.tenant_id = $1 AND t.status <> 'active')
     FOR UPDATE OF j SKIP LOCKED
   ), held AS (
     UPDATE jobs SET state = 'held' FROM waiting w WHERE jobs.ctid = w.row_address
   )
   SELECT max(job_id COLLATE "C") AS last, count(*) AS looked FROM page`,
);

/**
 * Forgets what a held tenant's accounts are ahead of their lanes' clocks: nobody is to wait for that work, and when it
 * is released it is placed anew.
 */
export const settleAccounts = statement(
  'jobs-settle-accounts',
  `UPDATE tenant_lanes a SET virtual_finish = lane_clock(a.lane)
   WHERE a.tenant_id = $1 AND a.virtual_finish > lane_clock(a.lane)
     AND EXISTS (SELECT FROM tenants t WHERE t.tenant_id = $1 AND t.status <> 'active')`,
);

/** Active tenants that have held jobs: one probe of jobs_held for each tenant that has any, however many jobs those are. */
export const findReleasable = statement(
  'jobs-find-releasable',
  `WITH RECURSIVE holders AS (
     (SELECT tenant_id FROM jobs WHERE state = 'held' ORDER BY tenant_id LIMIT 1)
     UNION ALL
     SELECT (SELECT j.tenant_id FROM jobs j WHERE j.state = 'held' AND j.tenant_id > h.tenant_id
             ORDER BY j.tenant_id LIMIT 1)
     FROM holders h WHERE h.tenant_id IS NOT NULL
   )
   SELECT t.tenant_id AS "tenantId" FROM holders h JOIN tenants t ON t.tenant_id = h.tenant_id
   WHERE t.status = 'active' LIMIT $1`,
);

/**
 * Queues held jobs of a tenant in their order, behind what the tenant has waiting: with the starts that they had they
 * would go before everybody else's. They were charged when they were asked for, so only the finish moves on. The
 * accounts are locked before (lockAccounts). $1 tenant, $2 how many, $3 the largest charge.
 */
export const releaseHeld = statement(
  'jobs-release-held',
  `WITH releasing AS MATERIALIZED (
     SELECT j.ctid AS row_address, j.lane, j.virtual_start, j.job_id,
       least(greatest(round(j.cost_micros::numeric / t.weight::numeric), 1), $3)::bigint AS charge
     FROM jobs j JOIN tenants t ON t.tenant_id = $1 AND t.status = 'active'
     WHERE j.tenant_id = $1 AND j.state = 'held'
     ORDER BY j.lane, j.virtual_start, j.job_id LIMIT $2
     FOR UPDATE OF j
   ), placed AS MATERIALIZED (
     SELECT r.row_address, r.lane, r.charge, greatest(a.virtual_finish, lane_clock(r.lane)) AS base,
       (sum(r.charge) OVER (PARTITION BY r.lane ORDER BY r.virtual_start, r.job_id))::bigint AS charge_until
     FROM releasing r JOIN tenant_lanes a ON a.tenant_id = $1 AND a.lane = r.lane
   ), released AS (
     UPDATE jobs j SET state = 'queued', virtual_start = p.base + p.charge_until - p.charge,
       ready_at = clock_timestamp()
     FROM placed p WHERE j.ctid = p.row_address
     RETURNING j.job_id
   ), moved AS (
     UPDATE tenant_lanes a SET virtual_finish = g.finish
     FROM (SELECT lane, max(base + charge_until) AS finish FROM placed GROUP BY lane) AS g
     WHERE a.tenant_id = $1 AND a.lane = g.lane
   )
   SELECT count(*) AS released, wake_parked_nodes(count(*)) FROM released`,
);

/**
 * Takes a tenant's leases away: whoever works on one finds it gone and can complete nothing. Reads jobs_leased, which is
 * as long as the fleet has workers.
 */
export const revokeLeases = statement(
  'jobs-revoke-leases',
  `UPDATE jobs SET state = 'held', lease_until = NULL, leased_by = NULL, lease_token = lease_token + 1
   WHERE state = 'leased' AND tenant_id = $1`,
);
