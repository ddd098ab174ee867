import { invariant } from '../core/invariant.ts';
import type { Queryable } from '../db/database.ts';
import { statement } from '../db/statement.ts';

/** What has been used of the periods under way, in UTC by the database's clock. */
export interface PeriodUse {
  readonly rendersOfDay: number;
  readonly renderMsOfMonth: number;
  readonly bytesOutOfMonth: number;
  /** Milliseconds to the end of each. */
  readonly dayLeftMs: number;
  readonly monthLeftMs: number;
}

/** The hours of a month, at most 744 rows by the primary key. */
const selectPeriods = statement(
  'usage_select_periods',
  `WITH clock AS MATERIALIZED (
     SELECT statement_timestamp() AS now, date_trunc('day', statement_timestamp(), 'UTC') AS day,
       date_trunc('month', statement_timestamp(), 'UTC') AS month,
       (date_trunc('month', statement_timestamp() AT TIME ZONE 'UTC') + interval '1 month') AT TIME ZONE 'UTC' AS next
   )
   SELECT coalesce(sum(h.renders) FILTER (WHERE h.hour >= c.day), 0) AS "rendersOfDay",
     coalesce(sum(h.render_cpu_ms), 0) AS "renderMsOfMonth", coalesce(sum(h.bytes_out), 0) AS "bytesOutOfMonth",
     extract(epoch FROM c.day + interval '24 hours' - c.now) * 1000 AS "dayLeftMs",
     extract(epoch FROM c.next - c.now) * 1000 AS "monthLeftMs"
   FROM clock c LEFT JOIN usage_hours h ON h.tenant_id = $1 AND h.hour >= c.month AND h.hour < c.next
   GROUP BY c.now, c.day, c.next`,
);

/** In a transaction of the tenant's. */
export async function readPeriods(tx: Queryable, tenantId: string): Promise<PeriodUse> {
  const [row] = await tx.query<PeriodUse>(selectPeriods, [tenantId]);
  invariant(row, 'a clock tells its time');
  return row;
}
