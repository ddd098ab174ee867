import { ROUTES } from '@safelight/contract';
import type { FastifyReply, FastifyRequest } from 'fastify';
import { isId } from '../../core/ids.ts';
import { type Erasure, getErasure, listErasures } from '../../erasure/index.ts';
import type { HttpContext } from '../context.ts';
import { ProblemError } from '../problem.ts';

/** `/v1/erasures`. */
export function erasureHandlers({ auth, database }: HttpContext) {
  return {
    listErasures: async (request: FastifyRequest, reply: FastifyReply) => {
      const { tenantId } = await auth.principal(request, ROUTES.listErasures.scope);
      const { after, limit } = ROUTES.listErasures.query.parse(request.query);
      if (after !== undefined && !isId('erasure', after)) {
        throw new ProblemError('request_invalid', { detail: 'after: is no cursor of this list.' });
      }
      // One more than asked for tells whether there is a next page.
      const found = await database.asTenant(tenantId, (tx) => listErasures(tx, tenantId, { after, limit: limit + 1 }));
      const erasures = found.slice(0, limit).map(toResource);
      const next = found.length > limit ? erasures.at(-1)?.id : undefined;
      return reply.header('cache-control', 'no-store').send({ erasures, ...(next !== undefined && { next }) });
    },
    getErasure: async (request: FastifyRequest, reply: FastifyReply) => {
      const { tenantId } = await auth.principal(request, ROUTES.getErasure.scope);
      const { id } = request.params as { id: string };
      if (!isId('erasure', id)) throw new ProblemError('erasure_not_found');
      const found = await database.asTenant(tenantId, (tx) => getErasure(tx, tenantId, id));
      if (!found) throw new ProblemError('erasure_not_found');
      const { erasure, receipt } = found;
      reply.header('cache-control', 'no-store');
      if (receipt) return reply.send(receipt);
      return reply.code(202).header('retry-after', '1').send(toResource(erasure));
    },
  };
}

function toResource({ erasureId, scope, imageId, actor, requestedAt, state }: Erasure) {
  return {
    id: erasureId,
    scope,
    ...(imageId !== undefined && { imageId }),
    actor,
    requestedAt: requestedAt.toISOString(),
    state: state === 'signed' ? 'signed' : 'removing',
  };
}
