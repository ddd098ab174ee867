import { systemClock } from '../../packages/service/src/core/clock.ts';
import { changeTenant, findTenant, type IiifAccess } from '../../packages/service/src/tenants/index.ts';
import { keyOf, withNodeDatabase } from './node-database.ts';
import type { Safelight } from './safelight.ts';

/** Sets what a tenant serves through the IIIF Image API, and makes the tenant first if there is none. @returns a key of it. */
export async function tenantServing(node: Safelight, slug: string, access: IiifAccess) {
  const headers = await keyOf(node, slug);
  await withNodeDatabase(node, async (database) => {
    const tenant = await findTenant(database, slug);
    if (!tenant) throw new Error(`there is no tenant ${slug}`);
    const { tenantId } = tenant;
    await database.transaction((tx) => changeTenant(tx, systemClock, { tenantId, actor: 'test' }, { iiif: access }));
  });
  return headers;
}
