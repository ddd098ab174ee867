import { type Explanation, ROUTES } from '@safelight/contract';
import type { FastifyReply, FastifyRequest } from 'fastify';
import { isId } from '../../core/ids.ts';
import { type Delivery, findDelivery } from '../../images/index.ts';
import { explainRendition, foreseePyramid } from '../../renditions/index.ts';
import type { Tenant } from '../../tenants/index.ts';
import { type HttpContext, tenantOf } from '../context.ts';
import { ProblemError } from '../problem.ts';
import { queryOf, readRequested } from '../requested.ts';
import { versionOf } from '../urls.ts';

/** `/v1/images/{id}/explain`. */
export function explainHandlers(context: HttpContext) {
  return {
    explainRendition: async (request: FastifyRequest, reply: FastifyReply): Promise<Explanation> => {
      const principal = await context.auth.principal(request, ROUTES.explainRendition.scope);
      const tenant = await tenantOf(context, principal);
      const { id } = request.params as { id: string };
      return explain(context, request, reply, { tenant, imageId: id, query: queryOf(request.raw.url) });
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
  return explain(context, request, reply, { tenant, imageId: address.image, query: parts.join('&') });
}

const EXPLAIN = 'explain=1';

function partsOf(request: FastifyRequest): string[] {
  return queryOf(request.raw.url).split('&');
}

async function explain(
  context: HttpContext,
  request: FastifyRequest,
  reply: FastifyReply,
  { tenant, imageId, query }: { readonly tenant: Tenant; readonly imageId: string; readonly query: string },
): Promise<Explanation> {
  if (!isId('image', imageId)) throw new ProblemError('image_not_found');
  const { tenantId } = tenant;
  const { asked, transformation } = readRequested(query, tenant);
  const { delivery, pyramid } = await context.positions.look(request, reply, async (reads) => {
    const lookup = await findDelivery(reads, tenantId, imageId, transformation);
    if (lookup.state !== 'found') return lookup;
    const { source, originalId } = lookup.value;
    const pyramid = await reads.asTenant(tenantId, (tx) =>
      foreseePyramid(tx, { tenantId, originalId }, source, [asked]),
    );
    return { state: 'found', value: { delivery: lookup.value, pyramid } };
  });
  reply.header('cache-control', 'no-store');
  return explanationOf(delivery, transformation, explainRendition(delivery.source, asked, pyramid));
}

function explanationOf(
  { source, rendition }: Delivery,
  transformation: string,
  explained: ReturnType<typeof explainRendition>,
): Explanation {
  const { format, width, height, frames, bytes } = source;
  const { made, cause } = rendition ?? {};
  return {
    transformation,
    version: versionOf(transformation),
    source: { format, width, height, frames, bytes },
    ...explained,
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
