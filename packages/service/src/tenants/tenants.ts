import type { Clock } from '../core/clock.ts';
import { newId } from '../core/ids.ts';
import type { Queryable } from '../db/database.ts';
import { statement } from '../db/statement.ts';
import { recordEvent } from '../events/index.ts';
import type { IiifAccess, Tenant } from './model.ts';
import { TENANT_COLUMNS, TENANT_TABLES, type TenantRow, toTenant } from './row.ts';

const URL_SECRET_BYTES = 32;

const insertTenant = statement(
  'insert_tenant',
  `INSERT INTO tenants (tenant_id, slug, url_secret, iiif) VALUES ($1, $2, $3, $4)
   ON CONFLICT (slug) DO NOTHING RETURNING tenant_id`,
);

/** Makes a tenant, with its first URL key (a trigger's work). @returns its id, or undefined when the short name is taken. */
export async function createTenant(
  tx: Queryable,
  clock: Clock,
  slug: string,
  iiif: IiifAccess = 'off',
): Promise<string | undefined> {
  const tenantId = newId('tenant', clock);
  const [row] = await tx.query(insertTenant, [tenantId, slug, clock.bytes(URL_SECRET_BYTES), iiif]);
  if (!row) return undefined;
  await recordEvent(tx, clock, {
    tenantId,
    type: 'tenant.created',
    subject: tenantId,
    actor: 'system',
    data: { slug },
  });
  return tenantId;
}

const selectBySlug = statement(
  'select_tenant_by_slug',
  `SELECT ${TENANT_COLUMNS} FROM ${TENANT_TABLES} WHERE t.slug = $1`,
);
const selectById = statement('select_tenant', `SELECT ${TENANT_COLUMNS} FROM ${TENANT_TABLES} WHERE t.tenant_id = $1`);

/** The tenant of a short name; before a tenant is known, so as the system. */
export async function findTenant(database: Queryable, slug: string): Promise<Tenant | undefined> {
  const [row] = await database.query<TenantRow>(selectBySlug, [slug]);
  return row && toTenant(row);
}

/** The tenant of an id. */
export async function getTenant(database: Queryable, tenantId: string): Promise<Tenant | undefined> {
  const [row] = await database.query<TenantRow>(selectById, [tenantId]);
  return row && toTenant(row);
}
