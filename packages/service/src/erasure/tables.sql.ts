import { statement } from '../db/statement.ts';

/**
 * Every table with rows of tenants, and those that it refers to, from the catalogue itself: a table that a later
 * migration brings is emptied without being named here.
 */
export const selectTenantTables = statement(
  'select_tenant_tables',
  `SELECT c.relname::text AS name, ARRAY(
     SELECT DISTINCT t.relname::text FROM pg_constraint k JOIN pg_class t ON t.oid = k.confrelid
     WHERE k.conrelid = c.oid AND k.contype = 'f' AND t.oid <> c.oid
   ) AS "refersTo"
   FROM pg_class c JOIN pg_attribute a ON a.attrelid = c.oid AND a.attname = 'tenant_id' AND NOT a.attisdropped
   WHERE c.relnamespace = 'safelight'::regnamespace AND c.relkind = 'r'
   ORDER BY c.relname`,
);

/** Drops up to `rows` rows of a tenant, found by the primary key, which begins with it. `table` is a name out of the catalogue. */
export function deleteRowsOf(table: string, rows: number): string {
  return `WITH gone AS (
    DELETE FROM "${table}" WHERE ctid = ANY (ARRAY(SELECT ctid FROM "${table}" WHERE tenant_id = $1 LIMIT ${rows}))
    RETURNING 1
  ) SELECT count(*) AS rows FROM gone`;
}
