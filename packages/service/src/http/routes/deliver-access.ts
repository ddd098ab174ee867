import { ROUTES } from '@safelight/contract';
import type { FastifyReply, FastifyRequest } from 'fastify';
import { invariant } from '../../core/invariant.ts';
import { admitDelivery } from '../admit-delivery.ts';
import { type HttpContext, tenantOf } from '../context.ts';
import { allowOrigin } from '../cors.ts';
import { cookieName, openToken, signToken } from '../delivery-token.ts';
import { readJson } from '../json-body.ts';
import { ProblemError } from '../problem.ts';
import { refuseDelivery } from '../standing.ts';

/** `/v1/delivery-tokens`, and where browsers put one into a cookie. */
export function deliverAccessHandlers(context: HttpContext) {
  return {
    createDeliveryToken: async (request: FastifyRequest, reply: FastifyReply) => {
      const principal = await context.auth.principal(request, ROUTES.createDeliveryToken.scope);
      const tenant = await tenantOf(context, principal);
      const { expiresInSeconds, images } = await readJson(request, ROUTES.createDeliveryToken.body);
      const expires = Math.floor(context.clock.now() / 1_000) + expiresInSeconds;
      const [secret] = tenant.urlSecrets;
      invariant(secret, 'a tenant always has a URL key');
      return reply
        .code(201)
        .header('cache-control', 'no-store')
        .send({ token: signToken(secret, expires, images), expiresAt: new Date(expires * 1_000).toISOString() });
    },
    openDeliveries: (request: FastifyRequest, reply: FastifyReply) => open(context, request, reply),
  };
}

/**
 * Under the path of the tenant, so that tokens of several live beside each other at one host; browsers refuse the prefix
 * `__Host-` there. Lax: pages of the same site show the pictures, those of others do not.
 */
async function open(context: HttpContext, request: FastifyRequest, reply: FastifyReply): Promise<FastifyReply> {
  const { tenant: name } = request.params as { tenant: string };
  const { t } = request.query as { t?: unknown };
  const tenant = await context.auth.tenant(name);
  allowOrigin(request, reply, tenant);
  if (tenant) refuseDelivery(tenant);
  const opened = typeof t === 'string' ? openToken(context.clock, tenant, t) : undefined;
  if (!tenant || !opened) throw new ProblemError('signature_invalid');
  await admitDelivery(context, request, tenant);
  const path = request.hostTenant === null ? `/i/${name}` : '/';
  const secure = request.protocol === 'https' ? '; Secure' : '';
  const age = Math.floor(opened.leftMs / 1_000);
  return reply
    .code(204)
    .headers({
      'set-cookie': `${cookieName(request)}=${t}; Path=${path}; Max-Age=${age}; HttpOnly; SameSite=Lax${secure}`,
      'cache-control': 'no-store',
      'referrer-policy': 'no-referrer',
    })
    .send();
}
