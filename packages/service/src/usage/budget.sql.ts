import { hotStatement, statement } from '../db/statement.ts';

/** Of the month that the row is of, and of the one under way; by primary key. */
const SELECT_BUDGET = `SELECT soft_micros, hard_micros, month, closed_until, closed_micros, metered_micros, reserved_micros,
     date_trunc('month', clock_timestamp(), 'UTC') AS current_month, clock_timestamp() AS now
   FROM budgets WHERE tenant_id = $1`;
export const selectBudget = statement('budget_select', SELECT_BUDGET);

/** The same under its lock: refreshed and reserved from by one at a time. */
export const lockBudget = statement('budget_lock', `${SELECT_BUDGET} FOR UPDATE`);

export const putBudget = statement(
  'budget_put',
  `INSERT INTO budgets (tenant_id, soft_micros, hard_micros) VALUES ($1, $2, $3)
   ON CONFLICT (tenant_id) DO UPDATE SET soft_micros = excluded.soft_micros, hard_micros = excluded.hard_micros,
     soft_told = NULL, hard_told = NULL`,
);

/** A tenant of which no prices are written down yet is charged by these from the beginning. */
export const insertFirstPrices = statement(
  'budget_insert_first_prices',
  `INSERT INTO usage_prices (tenant_id, from_hour, plan, version, prices)
   SELECT $1, '-infinity', $2, $3, $4::jsonb WHERE NOT EXISTS (SELECT FROM usage_prices WHERE tenant_id = $1)
   ON CONFLICT DO NOTHING`,
);

export const keepMetered = statement(
  'budget_keep_metered',
  `UPDATE budgets SET month = $2, closed_until = $3, closed_micros = $4, metered_micros = $5, metered_at = $6,
     render_second = $7, megapixel = $8, gb_month_stored = $9 WHERE tenant_id = $1`,
);

/** Once in a month. $2 the month. */
export const tellSoft = statement(
  'budget_tell_soft',
  'UPDATE budgets SET soft_told = $2 WHERE tenant_id = $1 AND soft_told IS DISTINCT FROM $2 RETURNING tenant_id',
);
export const tellHard = statement(
  'budget_tell_hard',
  'UPDATE budgets SET hard_told = $2 WHERE tenant_id = $1 AND hard_told IS DISTINCT FROM $2 RETURNING tenant_id',
);

/**
 * Budgets of which the meter has news ($1 their tenants), and those that were not looked at for four seconds, or ever
 * since a clock went back: storage costs while nothing happens, and months end. The oldest first, by the index.
 */
export const selectStaleBudgets = hotStatement(
  'budget_select_stale',
  `SELECT tenant_id FROM budgets WHERE tenant_id = ANY ($1::text[])
   UNION
   (SELECT tenant_id FROM budgets WHERE metered_at < clock_timestamp() - interval '4 s' ORDER BY metered_at LIMIT $2)
   UNION
   (SELECT tenant_id FROM budgets WHERE metered_at > clock_timestamp() + interval '10 s' ORDER BY metered_at LIMIT $2)
   ORDER BY tenant_id`,
);

/**
 * Reserves the predicted cost of work where the tenant has a hard budget and room in it, in the transaction that orders
 * the work: nobody else orders between the look and the reservation. No row: there is no hard budget, and nothing was
 * locked. $2 CPU microseconds, $3 pixels, $4 bytes that will be stored until the month's end.
 */
export const reserveBudget = hotStatement(
  'budget_reserve',
  `WITH priced AS (
     SELECT tenant_id, hard_micros, month = date_trunc('month', clock_timestamp(), 'UTC') AS "isCurrent",
       metered_micros + reserved_micros AS committed,
       ceil($2::numeric / 1000000 * render_second + $3::numeric / 1000000 * megapixel + $4::numeric / 1000000000
         * gb_month_stored * extract(epoch FROM
             date_trunc('month', clock_timestamp(), 'UTC') + interval '1 month' - clock_timestamp())
         / extract(epoch FROM
             date_trunc('month', clock_timestamp(), 'UTC') + interval '1 month' - date_trunc('month', clock_timestamp(), 'UTC'))
       )::bigint AS cost
     FROM budgets WHERE tenant_id = $1 AND hard_micros IS NOT NULL
   ), reserved AS (
     UPDATE budgets b SET reserved_micros = b.reserved_micros + p.cost FROM priced p
     WHERE b.tenant_id = p.tenant_id AND p."isCurrent" AND p.cost > 0
       AND b.metered_micros + b.reserved_micros + p.cost <= b.hard_micros
     RETURNING b.tenant_id
   )
   SELECT hard_micros AS "hardMicros", "isCurrent", committed, cost,
     cost = 0 OR EXISTS (SELECT FROM reserved) AS "isGranted" FROM priced`,
);
