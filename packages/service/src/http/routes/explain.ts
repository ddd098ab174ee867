import { type Explanation, ROUTES, type Transformation } from '@safelight/contract';
import type { FastifyReply, FastifyRequest } from 'fastify';
import { isId } from '../../core/ids.ts';
import type { Delivery } from '../../images/index.ts';
import { explainRendition } from '../../renditions/index.ts';
import type { HttpContext } from '../context.ts';
import { existing } from '../existing.ts';
import { ProblemError } from '../problem.ts';
import { queryOf, readRequested } from '../requested.ts';
import { versionOf } from '../urls.ts';

/** `/v1/images/{id}/explain`. */
export function explainHandlers(context: HttpContext) {
  return {
    explainRendition: async (request: FastifyRequest, reply: FastifyReply): Promise<Explanation> => {
      const { tenantId } = await context.auth.principal(request, ROUTES.explainRendition.scope);
      const { id } = request.params as { id: string };
      return explain(context, reply, { tenantId, imageId: id }, queryOf(request.raw.url));
    },
  };
}

/** Whether a delivery URL asks for its explanation instead of the picture. */
export function asksWhy(request: FastifyRequest): boolean {
  return partsOf(request).includes(EXPLAIN);
}

/** The same at a delivery URL: a key stands in for the signature, which may be there all the same. */
export async function explainDelivery(
  context: HttpContext,
  request: FastifyRequest,
  reply: FastifyReply,
  address: { readonly tenant: string; readonly image: string },
): Promise<Explanation> {
  const { tenantId } = await context.auth.principal(request, ROUTES.explainRendition.scope);
  const tenant = await context.auth.tenant(address.tenant);
  if (tenant?.tenantId !== tenantId) throw new ProblemError('image_not_found');
  const parts = partsOf(request).filter((part) => part !== EXPLAIN && !part.startsWith('s='));
  return explain(context, reply, { tenantId, imageId: address.image }, parts.join('&'));
}

const EXPLAIN = 'explain=1';

function partsOf(request: FastifyRequest): string[] {
  return queryOf(request.raw.url).split('&');
}

async function explain(
  context: HttpContext,
  reply: FastifyReply,
  { tenantId, imageId }: { readonly tenantId: string; readonly imageId: string },
  query: string,
): Promise<Explanation> {
  if (!isId('image', imageId)) throw new ProblemError('image_not_found');
  const { asked, transformation } = readRequested(query);
  const delivery = existing(await context.deliveries.look(tenantId, imageId, transformation));
  reply.header('cache-control', 'no-store');
  return explanationOf(delivery, asked, transformation);
}

function explanationOf({ source, rendition }: Delivery, asked: Transformation, transformation: string): Explanation {
  const { format, width, height, frames, bytes } = source;
  const { made, cause } = rendition ?? {};
  return {
    transformation,
    version: versionOf(transformation),
    source: { format, width, height, frames, bytes },
    ...explainRendition(source, asked),
    ...(rendition && {
      real: {
        state: rendition.state,
        ...(made && {
          cpuMs: made.renderMs,
          format: made.format,
          width: made.width,
          height: made.height,
          bytes: made.bytes,
        }),
        ...(cause && { cause }),
      },
    }),
  };
}
