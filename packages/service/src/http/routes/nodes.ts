import { type NodePage, ROUTES } from '@safelight/contract';
import type { FastifyReply, FastifyRequest } from 'fastify';
import { isId } from '../../core/ids.ts';
import { listNodes, type RegisteredNode } from '../../fleet/index.ts';
import type { HttpContext } from '../context.ts';
import { ProblemError } from '../problem.ts';

/** `/v1/admin/nodes`. */
export function nodeHandlers({ auth, positions }: HttpContext) {
  return {
    listNodes: async (request: FastifyRequest, reply: FastifyReply) => {
      await auth.principal(request, ROUTES.listNodes.scope);
      const { limit, after } = ROUTES.listNodes.query.parse(request.query);
      if (after !== undefined && !isId('node', after)) {
        throw new ProblemError('request_invalid', { detail: 'after: is no cursor of this list.' });
      }
      // One more than asked for tells whether there is a next page.
      const found = await listNodes(positions.reads(request, reply), { after, limit: limit + 1 });
      const nodes = found.slice(0, limit);
      const page: NodePage = {
        nodes: nodes.map(toResource),
        ...(found.length > limit && { next: nodes.at(-1)?.nodeId }),
      };
      return reply.header('cache-control', 'no-store').send(page);
    },
  };
}

function toResource(node: RegisteredNode): NodePage['nodes'][number] {
  const { nodeId: id, address, startedAt, heartbeatAt, silentMs, ...rest } = node;
  return {
    id,
    ...rest,
    roles: [...node.roles],
    ...(address !== null && { address }),
    startedAt: startedAt.toISOString(),
    heartbeatAt: heartbeatAt.toISOString(),
    silentSeconds: silentMs / 1000,
  };
}
