import { type Limits, ROUTES } from '@safelight/contract';
import type { FastifyReply, FastifyRequest } from 'fastify';
import { type HttpContext, tenantOf } from '../context.ts';

/** `/v1/limits`. */
export function limitHandlers(context: HttpContext) {
  const { auth, quotas, rates } = context;
  return {
    getLimits: async (request: FastifyRequest, reply: FastifyReply) => {
      const principal = await auth.principal(request, ROUTES.getLimits.scope);
      const tenant = await tenantOf(context, principal);
      const use = await quotas.read(tenant.tenantId);
      const requests = rates.standing(tenant);
      const limits: Limits = {
        plan: tenant.plan.name,
        limits: tenant.plan.limits,
        requests: requests ? { remaining: requests.remaining, resetSeconds: requests.resetSeconds } : null,
        storedBytes: use.storedBytes,
        rendersOfDay: use.rendersOfDay,
        rendersOwed: use.rendersOwed,
        dayLeftSeconds: Math.ceil(use.dayLeftMs / 1_000),
        renderSecondsOfMonth: use.renderMsOfMonth / 1_000,
        bytesOutOfMonth: use.bytesOutOfMonth,
        monthLeftSeconds: Math.ceil(use.monthLeftMs / 1_000),
      };
      return reply.header('cache-control', 'no-store').send(limits);
    },
  };
}
