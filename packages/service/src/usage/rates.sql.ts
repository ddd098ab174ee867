import { statement } from '../db/statement.ts';

/**
 * The rates that a node reports, locked in one order, so that nodes which report the same ones wait for each other and
 * not in a circle. $1 tenants, $2 rates, side by side. By the primary key.
 */
export const lockShares = statement(
  'rate_lock_shares',
  `SELECT s.tenant_id AS "tenantId", s.rate, s.nodes, extract(epoch FROM clock_timestamp()) * 1000 AS now
   FROM rate_shares s JOIN unnest($1::text[], $2::text[]) AS u (tenant_id, rate)
     ON s.tenant_id = u.tenant_id AND s.rate = u.rate
   ORDER BY s.tenant_id, s.rate FOR UPDATE OF s`,
);

/** Of tenants that still are; the commit waits for no disk, for a crash loses what ends some seconds later anyhow. */
export const insertShares = statement(
  'rate_insert_shares',
  `INSERT INTO rate_shares (tenant_id, rate)
   SELECT u.tenant_id, u.rate FROM unnest($1::text[], $2::text[]) AS u (tenant_id, rate)
   JOIN tenants t ON t.tenant_id = u.tenant_id AND t.status IN ('active', 'suspended')
   ORDER BY 1, 2 ON CONFLICT DO NOTHING`,
);

/** $1 tenants, $2 rates, $3 what their nodes hold, side by side. */
export const keepShares = statement(
  'rate_keep_shares',
  `UPDATE rate_shares s SET nodes = u.nodes::jsonb
   FROM unnest($1::text[], $2::text[], $3::text[]) AS u (tenant_id, rate, nodes),
     (SELECT set_config('synchronous_commit', 'off', true)) AS relaxed
   WHERE s.tenant_id = u.tenant_id AND s.rate = u.rate`,
);

/** Nodes that answer requests, by their own word of the last fifteen seconds. Reads the whole registry: not often. */
export const countFronts = statement(
  'rate_count_fronts',
  `SELECT count(*)::int AS fronts FROM nodes
   WHERE 'api' = ANY (roles) AND state <> 'draining'
     AND heartbeat_at BETWEEN clock_timestamp() - interval '15 s' AND clock_timestamp() + interval '15 s'`,
);
