import type { FastifyReply, FastifyRequest } from 'fastify';
import type { Tenant } from '../tenants/index.ts';

/** Adds to what an answer depends on. */
export function addVary(reply: FastifyReply, names: readonly string[]): void {
  const known = reply.getHeader('vary');
  reply.header('vary', [...(known === undefined ? [] : [String(known)]), ...names].join(', '));
}

/** Lets those pages read the answer by script that the tenant has listed; every page, while it has listed none. */
export function allowOrigin(request: FastifyRequest, reply: FastifyReply, tenant: Tenant | undefined): void {
  const { origins, credentials } = tenant?.settings.cors ?? { origins: '*' as const, credentials: false };
  if (origins === '*') {
    reply.header('access-control-allow-origin', '*');
    return;
  }
  // A cache must not hand one page what another one was answered (Fetch, 3.2.5).
  addVary(reply, ['Origin']);
  const { origin } = request.headers;
  if (origin === undefined || !origins.includes(origin)) return;
  reply.header('access-control-allow-origin', origin);
  if (credentials) reply.header('access-control-allow-credentials', 'true');
}
