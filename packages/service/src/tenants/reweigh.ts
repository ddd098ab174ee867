import type { Queryable } from '../db/database.ts';
import { statement } from '../db/statement.ts';

/**
 * What a lane has charged so far is work divided by the weight, and the flow of work is read from it: the account is
 * rewritten for the new weight, or a change would look as if much work had come or gone. Accounts before jobs, in the
 * order of their names, as everywhere; the waiting jobs keep their places.
 */
const reweighTenants = statement(
  'reweigh_tenants',
  `WITH changing AS MATERIALIZED (
     SELECT tenant_id, weight FROM tenants WHERE tenant_id = ANY ($1::text[]) AND weight <> $2::real
     ORDER BY tenant_id FOR NO KEY UPDATE
   ), accounts AS MATERIALIZED (
     SELECT a.tenant_id, a.lane, c.weight FROM tenant_lanes a JOIN changing c ON c.tenant_id = a.tenant_id
     ORDER BY a.tenant_id, a.lane FOR UPDATE OF a
   ), rewritten AS (
     UPDATE tenant_lanes a SET virtual_charged = round(a.virtual_charged * k.weight::float8 / $2::real)::bigint
     FROM accounts k WHERE a.tenant_id = k.tenant_id AND a.lane = k.lane
   )
   UPDATE tenants t SET weight = $2::real FROM changing c WHERE t.tenant_id = c.tenant_id`,
);

/** Gives tenants their share of the workers, for the jobs that come from now on. */
export async function reweigh(tx: Queryable, tenantIds: readonly string[], weight: number): Promise<void> {
  if (tenantIds.length > 0) await tx.query(reweighTenants, [tenantIds, weight]);
}
