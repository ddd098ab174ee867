import { ORIGINAL_PRESET, PRESETS, type PresetName } from '@safelight/contract';
import type { FastifyReply, FastifyRequest } from 'fastify';
import { isId } from '../../core/ids.ts';
import { findDelivery, hurryRendition } from '../../images/index.ts';
import { ObjectMissingError } from '../../ports/object-store.ts';
import type { Rendition } from '../../renditions/index.ts';
import type { HttpContext } from '../context.ts';
import { sendObject } from '../deliver.ts';
import type { Deliverable } from '../deliverable.ts';
import { ProblemError } from '../problem.ts';
import { fitsSignature } from '../signature.ts';
import { versionOf } from '../urls.ts';
import { goneSignal } from '../wait.ts';

const IMMUTABLE = 'public, max-age=31536000, immutable';
const REVALIDATED = 'public, max-age=300';
/** What was handed to somebody stays with him, not in shared caches. */
const HANDED_OUT = 'private, max-age=300';

interface DeliveryParams {
  readonly tenant: string;
  readonly image: string;
  readonly preset: string;
}

/** `/i/{tenant}/{image}/{preset}`. */
export function deliveryHandlers(context: HttpContext) {
  return {
    deliverPreset: async (request: FastifyRequest, reply: FastifyReply) => {
      reply.header('access-control-allow-origin', '*');
      const params = request.params as DeliveryParams;
      const { v, s } = request.query as { v?: string; s?: string };
      try {
        if (params.preset === ORIGINAL_PRESET) return await deliverOriginal(context, request, reply, params, s);
        return await deliverRendition(context, request, reply, params, v);
      } catch (error) {
        throw error instanceof ObjectMissingError ? await problemOfMissing(context, params) : error;
      }
    },
  };
}

async function deliverRendition(
  context: HttpContext,
  request: FastifyRequest,
  reply: FastifyReply,
  params: DeliveryParams,
  version: string | undefined,
): Promise<FastifyReply> {
  if (!Object.hasOwn(PRESETS, params.preset)) throw new ProblemError('preset_not_found');
  const transformation = PRESETS[params.preset as PresetName];
  const object = await findRendition(context, reply, params, transformation);
  return sendObject(context, request, reply, object, version === versionOf(transformation) ? IMMUTABLE : REVALIDATED);
}

/** An object that a row named is not there: deleted since the look-up, here or by another node, or the store is ill. */
async function problemOfMissing(context: HttpContext, { tenant: name, image }: DeliveryParams): Promise<ProblemError> {
  const tenant = await context.auth.tenant(name);
  if (!tenant) return new ProblemError('image_not_found');
  context.deliveries.forget(tenant.tenantId, image);
  const { state } = await findDelivery(context.database, tenant.tenantId, image, PRESETS.small);
  return new ProblemError(state === 'gone' ? 'image_gone' : 'storage_unavailable');
}

async function deliverOriginal(
  context: HttpContext,
  request: FastifyRequest,
  reply: FastifyReply,
  params: DeliveryParams,
  signature: string | undefined,
): Promise<FastifyReply> {
  const tenant = await context.auth.tenant(params.tenant);
  // An unknown tenant answers as a wrong signature does: who cannot sign learns nothing of what exists.
  const path = `/i/${params.tenant}/${params.image}/${ORIGINAL_PRESET}`;
  if (!tenant || !signature || !fitsSignature(tenant.urlSecret, path, signature)) {
    throw new ProblemError('signature_invalid');
  }
  if (!isId('image', params.image)) throw new ProblemError('image_not_found');
  const lookup = await findDelivery(context.database, tenant.tenantId, params.image, PRESETS.small);
  if (lookup.state !== 'found') throw new ProblemError(lookup.state === 'gone' ? 'image_gone' : 'image_not_found');
  const { original } = lookup.value;
  return sendObject(context, request, reply, { ...original, isUploaded: true }, HANDED_OUT);
}

/** The object of a rendition, from memory, or from the database once it is ready; waits for it as long as it may. */
async function findRendition(
  context: HttpContext,
  reply: FastifyReply,
  params: DeliveryParams,
  transformation: string,
): Promise<Deliverable> {
  const tenant = await context.auth.tenant(params.tenant);
  if (!tenant || !isId('image', params.image)) throw new ProblemError('image_not_found');
  const { tenantId } = tenant;
  const cached = context.deliveries.get(tenantId, params.image, transformation);
  if (cached) return cached;
  const rendition = await awaitRendition(context, reply, tenantId, params.image, transformation);
  if (rendition.state === 'failed') {
    const { cause } = rendition;
    throw new ProblemError('rendition_failed', { ...(cause && { cause, detail: cause.message }) });
  }
  if (!rendition.made) {
    throw new ProblemError('rendition_pending', {
      detail: 'Ask again; the request will wait again.',
      retryAfterSeconds: 1,
    });
  }
  const { objectKey, sha256, bytes, format } = rendition.made;
  const object: Deliverable = { objectKey, sha256, bytes, format, filename: undefined, isUploaded: false };
  context.deliveries.set(tenantId, params.image, transformation, object);
  return object;
}

async function awaitRendition(
  context: HttpContext,
  reply: FastifyReply,
  tenantId: string,
  imageId: string,
  transformation: string,
): Promise<Rendition> {
  const { database, clock, waiters, limits, hint } = context;
  const until = clock.monotonic() + limits.waitMs;
  let signal: AbortSignal | undefined;
  let hurried = false;
  for (;;) {
    const lookup = await findDelivery(database, tenantId, imageId, transformation);
    if (lookup.state !== 'found') throw new ProblemError(lookup.state === 'gone' ? 'image_gone' : 'image_not_found');
    let { rendition } = lookup.value;
    if (rendition && rendition.state !== 'pending') return rendition;
    if (!hurried) {
      hurried = true;
      rendition = await hurryRendition(database, clock, tenantId, lookup.value, transformation);
      if (!rendition) continue;
      hint('jobs');
    }
    signal ??= goneSignal(reply);
    const leftMs = until - clock.monotonic();
    if (!rendition || leftMs <= 0 || signal.aborted || context.closing.aborted) {
      throw new ProblemError('rendition_pending', {
        detail: 'Ask again; the request will wait again.',
        retryAfterSeconds: 1,
      });
    }
    // Between the look and the wait the rendition may have ended: the poll behind the wait finds out.
    await waiters.wait(tenantId, rendition.renditionId, leftMs, signal);
  }
}
