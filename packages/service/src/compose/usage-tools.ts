import type { Usage } from '@safelight/contract';
import type { Config } from '../config.ts';
import { findTenant } from '../tenants/index.ts';
import { type Recount, readUsage, recountUsage, toUsageResource } from '../usage/index.ts';
import { UnknownTenantError, withDatabase } from './tools.ts';

/** What a tenant has used and what it cost, as the API tells it. */
export function readTenantUsage(
  config: Config,
  tenantSlug: string,
  range: { readonly from?: number | undefined; readonly to?: number | undefined; readonly by: 'hour' | 'day' },
): Promise<Usage> {
  return withDatabase(config, async (database) => {
    const tenant = await findTenant(database, tenantSlug);
    if (!tenant) throw new UnknownTenantError(`there is no tenant ${tenantSlug}`);
    const { tenantId, plan } = tenant;
    return database.asTenant(tenantId, async (tx) =>
      toUsageResource(await readUsage(tx, tenantId, range, plan.prices), range.by),
    );
  });
}

/** Counts usage again from the raw records, of one tenant or of all. */
export function recount(config: Config, tenantSlug: string | undefined): Promise<Recount> {
  return withDatabase(config, async (database) => {
    if (tenantSlug === undefined) return recountUsage(database, undefined);
    const tenant = await findTenant(database, tenantSlug);
    if (!tenant) throw new UnknownTenantError(`there is no tenant ${tenantSlug}`);
    return recountUsage(database, tenant.tenantId);
  });
}
