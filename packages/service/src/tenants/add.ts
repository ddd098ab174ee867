import { TENANT_SCOPES } from '@safelight/contract';
import type { Clock } from '../core/clock.ts';
import type { Transaction } from '../db/database.ts';
import { changeTenant, type TenantChange, TenantRefusedError } from './change.ts';
import { createKey, newKeySecret } from './keys.ts';
import { createTenant } from './tenants.ts';

export interface TenantWishes extends TenantChange {
  readonly slug: string;
  readonly actor: string;
}

/**
 * Makes a tenant with its first key, which may do everything within it.
 * @throws TenantRefusedError when the name is taken, for a deleted tenant keeps its own; UnknownPlanError.
 */
export async function addTenant(
  tx: Transaction,
  clock: Clock,
  { slug, actor, ...wishes }: TenantWishes,
): Promise<{ readonly tenantId: string; readonly key: string }> {
  const tenantId = await createTenant(tx, clock, slug);
  if (tenantId === undefined) throw new TenantRefusedError(`there is a tenant ${slug} already`);
  if (Object.values(wishes).some((wish) => wish !== undefined)) {
    await changeTenant(tx, clock, { tenantId, actor }, wishes);
  }
  const key = newKeySecret(clock);
  await createKey(tx, clock, { tenantId, secret: key, scopes: TENANT_SCOPES });
  return { tenantId, key };
}
