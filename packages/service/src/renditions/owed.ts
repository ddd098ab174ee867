import type { Transaction } from '../db/database.ts';
import { statement } from '../db/statement.ts';

/** More than these are as good as these: a count must stay cheap. */
const OWED_MAX = 100_000;

/** The tenant's jobs by their primary key, and what each owes by the index over jobs. */
const selectOwed = statement(
  'count_owed_renditions',
  `SELECT count(*)::int AS owed FROM (
     SELECT FROM jobs j JOIN renditions r ON r.tenant_id = j.tenant_id AND r.job_id = j.job_id
     WHERE j.tenant_id = $1 AND j.state <> 'dead' AND r.state = 'pending' LIMIT $2
   ) AS owed`,
);

/** How many renditions are ordered for the tenant and not yet made. */
export async function countOwed(tx: Transaction, tenantId: string): Promise<number> {
  const [row] = await tx.query<{ owed: number }>(selectOwed, [tenantId, OWED_MAX]);
  return row?.owed ?? 0;
}
