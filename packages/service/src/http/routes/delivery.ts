import { ORIGINAL_PRESET } from '@safelight/contract';
import type { FastifyReply, FastifyRequest } from 'fastify';
import { isId } from '../../core/ids.ts';
import { ObjectMissingError } from '../../ports/object-store.ts';
import { markNotFound } from '../../renditions/index.ts';
import type { Tenant } from '../../tenants/index.ts';
import { acceptedHints, applyHints } from '../client-hints.ts';
import type { HttpContext } from '../context.ts';
import { addVary, allowOrigin } from '../cors.ts';
import { attachment, sendObject } from '../deliver.ts';
import { existing } from '../existing.ts';
import { findPreset } from '../find-preset.ts';
import { findOriginal } from '../find-rendition.ts';
import { problemOfMissing } from '../missing.ts';
import { findNegotiated, type Negotiated } from '../negotiated.ts';
import { ProblemError } from '../problem.ts';
import { type Requested, readRequested, readWishes } from '../requested.ts';
import { seenBy } from '../seen-deliveries.ts';
import { openUrl, refuseExpired } from '../signed.ts';
import { findShowable } from '../stand-in.ts';
import { allowsFormat, refuseFeature, refuseTransformation } from '../standing.ts';
import { versionFits } from '../urls.ts';
import { asksWhy, explainDelivery } from './explain.ts';

interface DeliveryParams {
  readonly tenant: string;
  readonly image: string;
}

/** `/i/{tenant}/{image}` and `/i/{tenant}/{image}/{preset}`. */
export function deliveryHandlers(context: HttpContext) {
  const handle =
    (deliver: (request: FastifyRequest, reply: FastifyReply) => Promise<FastifyReply>) =>
    async (request: FastifyRequest, reply: FastifyReply) => {
      allowOrigin(request, reply, await context.auth.tenant((request.params as DeliveryParams).tenant));
      try {
        return await deliver(request, reply);
      } catch (error) {
        throw error instanceof ObjectMissingError
          ? await problemOfLost(context, request.params as DeliveryParams)
          : error;
      }
    };
  return {
    deliverPreset: handle((request, reply) => {
      const { preset } = request.params as { preset: string };
      return preset === ORIGINAL_PRESET
        ? deliverOriginal(context, request, reply)
        : deliverPreset(context, request, reply, preset);
    }),
    deliverOpen: handle(async (request, reply) => {
      if (!asksWhy(request)) return deliverOpen(context, request, reply);
      return reply.send(await explainDelivery(context, request, reply, request.params as DeliveryParams));
    }),
  };
}

async function deliverPreset(
  context: HttpContext,
  request: FastifyRequest,
  reply: FastifyReply,
  preset: string,
): Promise<FastifyReply> {
  const { v } = request.query as { v?: string };
  const params = request.params as DeliveryParams;
  if (!(await context.auth.tenant(params.tenant))) throw new ProblemError('image_not_found');
  const { tenant, query, isSigned, access } = await openUrl(context, request, params, () => true);
  const leftMs = isSigned ? refuseExpired(context.clock, readWishes(query).expires) : undefined;
  if (!isId('image', params.image)) throw new ProblemError('image_not_found');
  const wanted = { imageId: params.image, name: preset, v };
  const { found, isVersioned, isProvisional } = await findPreset(seenBy(context, access), reply, tenant, wanted);
  const caching = { scope: 'public', isVersioned, isProvisional, leftMs, access } as const;
  return sendObject(context, request, reply, found, caching);
}

/** Any transformation, made when it is asked for first. */
async function deliverOpen(context: HttpContext, request: FastifyRequest, reply: FastifyReply): Promise<FastifyReply> {
  const params = request.params as DeliveryParams;
  const opened = await openUrl(context, request, params, ({ unsignedUrls }) => unsignedUrls === 'open');
  const { tenant, query, access, scope } = opened;
  refuseFeature(tenant, 'open_urls');
  const { transformation, asked, delivery } = readRequested(query, tenant);
  refuseTransformation(tenant, asked);
  const leftMs = refuseExpired(context.clock, delivery.expires);
  if (!isId('image', params.image)) throw new ProblemError('image_not_found');
  const where = { tenantId: tenant.tenantId, imageId: params.image };
  // Whatever its version: which rendition it is depends on the client.
  const isOpenEnded = delivery.auto !== undefined || delivery.ch !== undefined;
  const seen = seenBy(context, access);
  if (asked.mark !== undefined && !opened.isSigned)
    await refuseHiddenMark(context, seen, { ...where, mark: asked.mark });
  const { found, isProvisional } = isOpenEnded
    ? await findFitting(seen, request, reply, tenant, { ...where, asked, delivery })
    : { found: await findShowable(seen, reply, { ...where, transformation }), isProvisional: false };
  if (delivery.dl !== undefined) reply.header('content-disposition', attachment(delivery.dl));
  const isVersioned = !isOpenEnded && versionFits(delivery.v, transformation);
  return sendObject(context, request, reply, found, { scope, isVersioned, isProvisional, leftMs, access });
}

/** What fits the client best, as far as its URL leaves that to its headers, which `Vary` then names. */
async function findFitting(
  context: HttpContext,
  request: FastifyRequest,
  reply: FastifyReply,
  tenant: Tenant,
  { asked, delivery, ...where }: { tenantId: string; imageId: string } & Pick<Requested, 'asked' | 'delivery'>,
): Promise<Negotiated> {
  const { auto = new Set(), ch = new Set() } = delivery;
  const hinted = applyHints(asked, ch, request.headers);
  const vary = [...(auto.has('format') && asked.fm === undefined ? ['Accept'] : []), ...hinted.vary];
  if (vary.length > 0) addVary(reply, vary);
  if (ch.size > 0) reply.header('accept-ch', acceptedHints(ch));
  return findNegotiated(context, reply, {
    ...where,
    asked: hinted.transformation,
    format: auto.has('format'),
    compress: auto.has('compress'),
    accept: request.headers.accept,
    allows: (format) => allowsFormat(tenant, format),
  });
}

/** The bytes as they were uploaded: for who was handed the URL, and not for shared caches. */
async function deliverOriginal(
  context: HttpContext,
  request: FastifyRequest,
  reply: FastifyReply,
): Promise<FastifyReply> {
  const params = request.params as DeliveryParams;
  const { tenant, query, access } = await openUrl(context, request, params, () => false);
  const { expires, dl } = readWishes(query);
  const leftMs = refuseExpired(context.clock, expires);
  if (!isId('image', params.image)) throw new ProblemError('image_not_found');
  const where = { tenantId: tenant.tenantId, imageId: params.image };
  const found = await findOriginal(seenBy(context, access), where);
  if (dl !== undefined) reply.header('content-disposition', attachment(dl));
  return sendObject(context, request, reply, found, { scope: 'private', isVersioned: false, leftMs, access });
}

/**
 * A private picture is laid over another only where its tenant has signed that, or a token opens both. To others it is
 * not there, in the words that are said of one that never was.
 */
async function refuseHiddenMark(
  context: HttpContext,
  seen: HttpContext,
  { tenantId, imageId, mark }: { readonly tenantId: string; readonly imageId: string; readonly mark: string },
): Promise<void> {
  if (seen.deliveries.getOriginal(tenantId, mark)) return;
  if ((await seen.deliveries.lookOriginal(tenantId, mark)).state === 'found') return;
  if ((await context.deliveries.lookOriginal(tenantId, mark)).state !== 'found') return;
  existing(await seen.deliveries.lookOriginal(tenantId, imageId));
  const cause = markNotFound(mark);
  throw new ProblemError('rendition_failed', { cause, detail: cause.message });
}

async function problemOfLost(context: HttpContext, { tenant: name, image }: DeliveryParams): Promise<ProblemError> {
  const tenant = await context.auth.tenant(name);
  if (!tenant) return new ProblemError('image_not_found');
  return problemOfMissing(context, { tenantId: tenant.tenantId, imageId: image });
}
