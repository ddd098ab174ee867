import { createSecretKey } from 'node:crypto';
import {
  FEATURES,
  type Feature,
  planLimitsSchema,
  planPricesSchema,
  type TenantStatus,
  tenantSettingsSchema,
} from '@safelight/contract';
import type { IiifAccess, Tenant, TenantPlan, UnsignedUrls } from './model.ts';
import { PRESET_COLUMNS, type PresetRows, toPresets } from './presets.ts';

export interface TenantRow extends PlanRow, PresetRows {
  readonly tenant_id: string;
  readonly slug: string;
  readonly tenant_weight: number;
  readonly url_secrets: readonly Uint8Array[];
  readonly unsigned_urls: UnsignedUrls;
  readonly iiif: IiifAccess;
  readonly display_name: string | null;
  readonly status: TenantStatus;
  readonly status_at: Date;
  readonly delivers: boolean;
  readonly keeps_location: boolean;
  readonly created_at: Date;
  readonly settings: unknown;
  readonly domain: string | null;
}

export interface PlanRow {
  readonly plan: string;
  readonly version: number;
  readonly weight: number;
  readonly limits: unknown;
  readonly features: readonly string[] | null;
  readonly prices: unknown;
}

export const PLAN_COLUMNS = 'p.plan, p.version, p.weight, p.limits, p.features, p.prices';

/** With {@link TENANT_TABLES}: a tenant, its plan, URL keys and presets; a few rows by primary keys. */
export const TENANT_COLUMNS = `t.tenant_id, t.slug, t.weight AS tenant_weight, t.unsigned_urls, t.iiif, t.display_name,
  t.status, t.status_at, t.delivers, t.keeps_location, t.created_at, t.settings, ${PLAN_COLUMNS}, ARRAY(
  SELECT k.secret FROM url_keys k WHERE k.tenant_id = t.tenant_id AND k.retired_at IS NULL
  ORDER BY k.created_at DESC, k.key_id DESC) AS url_secrets, ${PRESET_COLUMNS},
  (SELECT d.host FROM domains d WHERE d.tenant_id = t.tenant_id AND d.is_primary) AS domain`;
export const TENANT_TABLES = 'tenants t JOIN plans p ON p.plan = t.plan';

// What a newer build has written besides is left out, not refused: both run while an upgrade rolls.
const storedSettings = tenantSettingsSchema.strip();
const storedLimits = planLimitsSchema.strip();
const storedPrices = planPricesSchema.strip();

export function toTenant(row: TenantRow): Tenant {
  return {
    tenantId: row.tenant_id,
    slug: row.slug,
    weight: row.tenant_weight,
    urlSecrets: row.url_secrets.map((secret) => createSecretKey(secret)),
    unsignedUrls: row.unsigned_urls,
    iiif: row.iiif,
    displayName: row.display_name ?? undefined,
    status: row.status,
    statusAt: row.status_at,
    delivers: row.delivers,
    keepsLocation: row.keeps_location,
    createdAt: row.created_at,
    plan: toPlan(row),
    settings: storedSettings.parse(row.settings),
    presets: toPresets(row),
    domain: row.domain ?? undefined,
  };
}

export function toPlan(row: PlanRow): TenantPlan {
  return {
    name: row.plan,
    version: row.version,
    weight: row.weight,
    limits: storedLimits.parse(row.limits),
    features: row.features?.filter((name): name is Feature => name in FEATURES) ?? null,
    prices: storedPrices.parse(row.prices),
  };
}
