import { ORIGINAL_PRESET, PRESETS, type PresetName } from '@safelight/contract';
import type { FastifyReply, FastifyRequest } from 'fastify';
import { isId } from '../../core/ids.ts';
import { ObjectMissingError } from '../../ports/object-store.ts';
import { cacheControl } from '../cache-control.ts';
import { acceptedHints, applyHints } from '../client-hints.ts';
import type { HttpContext } from '../context.ts';
import { attachment, sendObject } from '../deliver.ts';
import { findOriginal, findRendition } from '../find-rendition.ts';
import { problemOfMissing } from '../missing.ts';
import { findNegotiated, type Negotiated } from '../negotiated.ts';
import { ProblemError } from '../problem.ts';
import { type Requested, readRequested, readWishes } from '../requested.ts';
import { openUrl, refuseExpired } from '../signed.ts';
import { versionFits, versionOf } from '../urls.ts';
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
      reply.header('access-control-allow-origin', '*');
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
  if (!Object.hasOwn(PRESETS, preset)) throw new ProblemError('preset_not_found');
  const transformation = PRESETS[preset as PresetName];
  const tenant = await context.auth.tenant(params.tenant);
  if (!tenant || !isId('image', params.image)) throw new ProblemError('image_not_found');
  const found = await findRendition(context, reply, {
    tenantId: tenant.tenantId,
    imageId: params.image,
    transformation,
  });
  const isVersioned = v === versionOf(transformation);
  return sendObject(context, request, reply, found, cacheControl({ scope: 'public', isVersioned }));
}

/** Any transformation, made when it is asked for first. */
async function deliverOpen(context: HttpContext, request: FastifyRequest, reply: FastifyReply): Promise<FastifyReply> {
  const params = request.params as DeliveryParams;
  const { tenant, query } = await openUrl(context, request, params.tenant, (tenant) => tenant.unsignedUrls === 'open');
  const { transformation, asked, delivery } = readRequested(query);
  const leftMs = refuseExpired(context.clock, delivery.expires);
  if (!isId('image', params.image)) throw new ProblemError('image_not_found');
  const where = { tenantId: tenant.tenantId, imageId: params.image };
  // Whatever its version: which rendition it is depends on the client.
  const isOpenEnded = delivery.auto !== undefined || delivery.ch !== undefined;
  const { found, isProvisional } = isOpenEnded
    ? await findFitting(context, request, reply, { ...where, asked, delivery })
    : { found: await findRendition(context, reply, { ...where, transformation }), isProvisional: false };
  if (delivery.dl !== undefined) reply.header('content-disposition', attachment(delivery.dl));
  const isVersioned = !isOpenEnded && versionFits(delivery.v, transformation);
  const caching = cacheControl({ scope: 'public', isVersioned, isProvisional, leftMs });
  return sendObject(context, request, reply, found, caching);
}

/** What fits the client best, as far as its URL leaves that to its headers, which `Vary` then names. */
async function findFitting(
  context: HttpContext,
  request: FastifyRequest,
  reply: FastifyReply,
  { asked, delivery, ...where }: { tenantId: string; imageId: string } & Pick<Requested, 'asked' | 'delivery'>,
): Promise<Negotiated> {
  const { auto = new Set(), ch = new Set() } = delivery;
  const hinted = applyHints(asked, ch, request.headers);
  const vary = [...(auto.has('format') && asked.fm === undefined ? ['Accept'] : []), ...hinted.vary];
  if (vary.length > 0) reply.header('vary', vary.join(', '));
  if (ch.size > 0) reply.header('accept-ch', acceptedHints(ch));
  return findNegotiated(context, reply, {
    ...where,
    asked: hinted.transformation,
    format: auto.has('format'),
    compress: auto.has('compress'),
    accept: request.headers.accept,
  });
}

/** The bytes as they were uploaded: for who was handed the URL, and not for shared caches. */
async function deliverOriginal(
  context: HttpContext,
  request: FastifyRequest,
  reply: FastifyReply,
): Promise<FastifyReply> {
  const params = request.params as DeliveryParams;
  const { tenant, query } = await openUrl(context, request, params.tenant, () => false);
  const { expires, dl } = readWishes(query);
  const leftMs = refuseExpired(context.clock, expires);
  if (!isId('image', params.image)) throw new ProblemError('image_not_found');
  const found = await findOriginal(context, { tenantId: tenant.tenantId, imageId: params.image });
  if (dl !== undefined) reply.header('content-disposition', attachment(dl));
  const caching = cacheControl({ scope: 'private', isVersioned: false, leftMs });
  return sendObject(context, request, reply, found, caching);
}

async function problemOfLost(context: HttpContext, { tenant: name, image }: DeliveryParams): Promise<ProblemError> {
  const tenant = await context.auth.tenant(name);
  if (!tenant) return new ProblemError('image_not_found');
  return problemOfMissing(context, { tenantId: tenant.tenantId, imageId: image });
}
