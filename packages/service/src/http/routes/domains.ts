import { type Domain as Resource, ROUTES } from '@safelight/contract';
import type { FastifyReply, FastifyRequest } from 'fastify';
import {
  DOMAINS_MAX,
  type Domain,
  DomainRefusedError,
  listDomains,
  proofName,
  proofText,
  putDomain,
  removeDomain,
} from '../../tenants/index.ts';
import { type HttpContext, tenantOf } from '../context.ts';
import { forget } from '../forget.ts';
import { readJson } from '../json-body.ts';
import { ProblemError } from '../problem.ts';
import { refuseFeature } from '../standing.ts';

/** `/v1/domains`. */
export function domainHandlers(context: HttpContext) {
  const { auth, database, clock, texts } = context;
  const told = (tenantId: string) => {
    context.hint('events');
    forget(context, { tenantId, imageId: undefined });
  };
  return {
    listDomains: async (request: FastifyRequest, reply: FastifyReply) => {
      const { tenantId } = await auth.principal(request, ROUTES.listDomains.scope);
      const domains = await database.asTenant(tenantId, (tx) => listDomains(tx, tenantId));
      return reply.header('cache-control', 'no-store').send({ domains: domains.map(toResource) });
    },
    putDomain: async (request: FastifyRequest, reply: FastifyReply) => {
      const principal = await auth.principal(request, ROUTES.putDomain.scope);
      const { tenantId, actor } = principal;
      refuseFeature(await tenantOf(context, principal), 'custom_domains');
      const { isPrimary } = await readJson(request, ROUTES.putDomain.body);
      const act = { tenantId, actor, host: hostOf(request) };
      const domain = await putDomain(database, clock, act, { texts, isPrimary }).catch(refused);
      told(tenantId);
      return reply.header('cache-control', 'no-store').send(toResource(domain));
    },
    removeDomain: async (request: FastifyRequest, reply: FastifyReply) => {
      const { tenantId, actor } = await auth.principal(request, ROUTES.removeDomain.scope);
      const host = hostOf(request);
      if (!(await removeDomain(database, clock, { tenantId, actor, host }))) {
        throw new ProblemError('domain_not_found');
      }
      told(tenantId);
      return reply.header('cache-control', 'no-store').send({ host });
    },
  };
}

function hostOf(request: FastifyRequest): string {
  return (request.params as { host: string }).host;
}

function refused(error: unknown): never {
  if (!(error instanceof DomainRefusedError)) throw error;
  if (error.reason === 'taken') throw new ProblemError('domain_taken');
  throw new ProblemError('limit_reached', { bound: { name: 'domainsMax', limit: DOMAINS_MAX } });
}

function toResource(domain: Domain): Resource {
  return {
    host: domain.host,
    state: domain.verifiedAt ? 'proved' : 'unproved',
    isPrimary: domain.isPrimary,
    record: { name: proofName(domain.host), type: 'TXT', value: proofText(domain) },
    ...(domain.verifiedAt && { provedAt: domain.verifiedAt.toISOString() }),
    createdAt: domain.createdAt.toISOString(),
  };
}
