import { statement } from '../db/statement.ts';

/**
 * All work that was ever asked for, from the tenants' accounts (a charge is work divided by the tenant's weight, taken
 * back when a job is cancelled), and the work that is under way. Reads three rows per tenant and one per busy worker.
 */
export const READ_FLOW = statement(
  'jobs-flow',
  `WITH charged AS (
     SELECT coalesce(sum(a.virtual_charged * t.weight::float8), 0) AS micros,
       coalesce(sum(a.virtual_charged * t.weight::float8) FILTER (WHERE a.lane = 'batch'), 0) AS batch
     FROM tenant_lanes a JOIN tenants t ON t.tenant_id = a.tenant_id
   )
   SELECT (SELECT micros FROM charged) AS "chargedMicros", (SELECT batch FROM charged) AS "chargedBatchMicros",
     count(*) AS running, coalesce(sum(j.cost_micros), 0)::float8 AS "runningMicros"
   FROM jobs j WHERE j.state = 'leased'`,
);
