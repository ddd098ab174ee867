import { statement } from '../db/statement.ts';

/**
 * All work that was ever asked for, from the tenants' accounts (a charge is work divided by the tenant's weight, taken
 * back when a job is cancelled), and the work that is under way. Reads three rows per tenant and one per busy worker.
 */
export const READ_FLOW = statement(
  'jobs-flow',
  `SELECT
     (SELECT coalesce(sum(a.virtual_charged * t.weight::float8), 0)
        FROM tenant_lanes a JOIN tenants t ON t.tenant_id = a.tenant_id) AS "chargedMicros",
     count(*) AS running, coalesce(sum(j.cost_micros), 0)::float8 AS "runningMicros"
   FROM jobs j WHERE j.state = 'leased'`,
);
