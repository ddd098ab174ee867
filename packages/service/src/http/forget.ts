import type { Stale } from '../events/index.ts';
import type { HttpContext } from './context.ts';

/**
 * Drops what this node keeps of something stale; of everything, when word may have been lost. Bytes are never stale in
 * themselves, since no object changes: they go only with the image that they were read for.
 */
export function forget(
  {
    auth,
    deliveries,
    domains,
    iiifImages,
    objects,
    quotas,
  }: Pick<HttpContext, 'auth' | 'deliveries' | 'domains' | 'iiifImages' | 'objects' | 'quotas'>,
  stale?: Stale,
) {
  quotas.forget(stale?.tenantId);
  if (stale?.imageId !== undefined) {
    deliveries.forget(stale.tenantId, stale.imageId);
    iiifImages.forget(stale.imageId);
    objects.forget(stale.tenantId, stale.imageId);
    return;
  }
  auth.forgetTenant(stale?.tenantId);
  domains.forget(stale?.tenantId);
  deliveries.forgetAll(stale?.tenantId);
  iiifImages.forgetAll(stale?.tenantId);
  if (stale) objects.forgetTenant(stale.tenantId);
}
