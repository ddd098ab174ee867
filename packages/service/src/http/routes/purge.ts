import { type Purge, ROUTES } from '@safelight/contract';
import type { FastifyReply, FastifyRequest } from 'fastify';
import { isId } from '../../core/ids.ts';
import { purgeImage, purgeTenant } from '../../images/index.ts';
import type { HttpContext } from '../context.ts';
import { forget } from '../forget.ts';
import { ProblemError } from '../problem.ts';

/** `/v1/purge`. */
export function purgeHandlers(context: HttpContext) {
  const { auth, database, clock } = context;
  return {
    purge: async (request: FastifyRequest, reply: FastifyReply) => {
      const { tenantId, actor } = await auth.principal(request, ROUTES.purge.scope);
      const { image: imageId } = request.query as { image?: string };
      if (imageId === undefined) {
        await purgeTenant(database, clock, { tenantId, actor });
      } else if (!isId('image', imageId) || !(await purgeImage(database, clock, { tenantId, actor, imageId }))) {
        throw new ProblemError('image_not_found');
      }
      // The answer says that this node has nothing any more; the others hear at the commit.
      forget(context, { tenantId, imageId });
      context.hint('events');
      const told: Purge = { surrogateKeys: [imageId ?? tenantId] };
      return reply.code(202).header('cache-control', 'no-store').send(told);
    },
  };
}
