import { type Explanation, ROUTES, type Transformation } from '@safelight/contract';
import type { FastifyReply, FastifyRequest } from 'fastify';
import { isId } from '../../core/ids.ts';
import type { Delivery } from '../../images/index.ts';
import { explainRendition } from '../../renditions/index.ts';
import type { HttpContext } from '../context.ts';
import { ProblemError } from '../problem.ts';
import { readRequested } from '../requested.ts';
import { versionOf } from '../urls.ts';

/** `/v1/images/{id}/explain`. */
export function explainHandlers(context: HttpContext) {
  return {
    explainRendition: (request: FastifyRequest, reply: FastifyReply): Promise<Explanation> => {
      const { id } = request.params as { id: string };
      return explain(context, request, reply, id, queryOf(request));
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
  const principal = await context.auth.principal(request, ROUTES.explainRendition.scope);
  const tenant = await context.auth.tenant(address.tenant);
  if (tenant?.tenantId !== principal.tenantId) throw new ProblemError('image_not_found');
  const parts = partsOf(request).filter((part) => part !== EXPLAIN && !part.startsWith('s='));
  return explain(context, request, reply, address.image, parts.join('&'));
}

const EXPLAIN = 'explain=1';

async function explain(
  context: HttpContext,
  request: FastifyRequest,
  reply: FastifyReply,
  imageId: string,
  query: string,
): Promise<Explanation> {
  const { tenantId } = await context.auth.principal(request, ROUTES.explainRendition.scope);
  if (!isId('image', imageId)) throw new ProblemError('image_not_found');
  const { asked, transformation } = readRequested(query);
  const lookup = await context.deliveries.look(tenantId, imageId, transformation);
  if (lookup.state !== 'found') throw new ProblemError(lookup.state === 'gone' ? 'image_gone' : 'image_not_found');
  reply.header('cache-control', 'no-store');
  return explanationOf(lookup.value, asked, transformation);
}

function queryOf(request: FastifyRequest): string {
  const url = request.raw.url ?? '';
  const at = url.indexOf('?');
  return at < 0 ? '' : url.slice(at + 1);
}

function partsOf(request: FastifyRequest): string[] {
  return queryOf(request).split('&');
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
