import type { Clock } from '../core/clock.ts';
import { newId } from '../core/ids.ts';
import type { Queryable } from '../db/database.ts';
import { statement } from '../db/statement.ts';
import { recordEvent } from '../events/index.ts';
import type { IiifAccess, Tenant, UnsignedUrls } from './model.ts';

const URL_SECRET_BYTES = 32;

interface TenantRow {
  readonly tenant_id: string;
  readonly slug: string;
  readonly weight: number;
  readonly url_secrets: readonly Uint8Array[];
  readonly unsigned_urls: UnsignedUrls;
  readonly iiif: IiifAccess;
}

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

const COLUMNS = `t.tenant_id, t.slug, t.weight, t.unsigned_urls, t.iiif, ARRAY(
  SELECT k.secret FROM url_keys k WHERE k.tenant_id = t.tenant_id AND k.retired_at IS NULL
  ORDER BY k.created_at DESC, k.key_id DESC) AS url_secrets`;
const selectBySlug = statement('select_tenant_by_slug', `SELECT ${COLUMNS} FROM tenants t WHERE t.slug = $1`);
const selectById = statement('select_tenant', `SELECT ${COLUMNS} FROM tenants t WHERE t.tenant_id = $1`);

const updateUnsignedUrls = statement(
  'update_tenant_unsigned_urls',
  'UPDATE tenants SET unsigned_urls = $2 WHERE tenant_id = $1',
);

/** Says what a tenant's URLs may ask for without a signature; nodes follow within seconds. */
export async function setUnsignedUrls(
  tx: Queryable,
  clock: Clock,
  tenantId: string,
  unsignedUrls: UnsignedUrls,
): Promise<void> {
  await tx.query(updateUnsignedUrls, [tenantId, unsignedUrls]);
  const data = { unsignedUrls };
  await recordEvent(tx, clock, { tenantId, type: 'tenant.changed', subject: tenantId, actor: 'operator', data });
}

const updateIiif = statement('update_tenant_iiif', 'UPDATE tenants SET iiif = $2 WHERE tenant_id = $1');

/** Says what a tenant serves through the IIIF Image API; nodes follow within seconds. */
export async function setIiif(tx: Queryable, clock: Clock, tenantId: string, iiif: IiifAccess): Promise<void> {
  await tx.query(updateIiif, [tenantId, iiif]);
  const data = { iiif };
  await recordEvent(tx, clock, { tenantId, type: 'tenant.changed', subject: tenantId, actor: 'operator', data });
}

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

function toTenant(row: TenantRow): Tenant {
  return {
    tenantId: row.tenant_id,
    slug: row.slug,
    weight: row.weight,
    urlSecrets: row.url_secrets,
    unsignedUrls: row.unsigned_urls,
    iiif: row.iiif,
  };
}
