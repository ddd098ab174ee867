import type { FastifyRequest } from 'fastify';
import type { Tenant } from '../tenants/index.ts';
import type { HttpContext } from './context.ts';

/** Counts a delivery of the tenant's. @throws ProblemError when its plan allows none now. */
export async function admitDelivery(
  { rates, quotas }: Pick<HttpContext, 'rates' | 'quotas'>,
  request: FastifyRequest,
  tenant: Tenant,
): Promise<void> {
  await rates.admit(request, tenant);
  await quotas.refuseDelivery(tenant);
}
