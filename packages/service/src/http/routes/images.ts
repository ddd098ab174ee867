import { type Image as ImageResource, ROUTES, TAGS_MAX, tagSchema } from '@safelight/contract';
import type { FastifyReply, FastifyRequest } from 'fastify';
import { isId } from '../../core/ids.ts';
import { deleteImage, getImage, type Image, listImages } from '../../images/index.ts';
import { baseUrl, type HttpContext, tenantOf } from '../context.ts';
import { followAsEvents, isDeletionTold } from '../event-stream.ts';
import { existing } from '../existing.ts';
import { forget } from '../forget.ts';
import { takeKeyOf } from '../idempotent.ts';
import { ProblemError } from '../problem.ts';
import type { Received } from '../receive.ts';
import { toImageResource } from '../resource.ts';
import { waitForImage } from '../wait.ts';

/** `/v1/images`. */
export function imageHandlers(context: HttpContext) {
  return {
    createImage: (request: FastifyRequest, reply: FastifyReply) => create(context, request, reply),
    listImages: (request: FastifyRequest) => list(context, request),
    getImage: async (request: FastifyRequest) => {
      const principal = await context.auth.principal(request, ROUTES.getImage.scope);
      const tenant = await tenantOf(context, principal);
      const image = existing(await getImage(context.database, tenant.tenantId, imageIdOf(request)));
      return toImageResource(image, tenant, baseUrl(context, request));
    },
    deleteImage: (request: FastifyRequest) => remove(context, request),
    followImage: async (request: FastifyRequest, reply: FastifyReply) => {
      const principal = await context.auth.principal(request, ROUTES.followImage.scope);
      const imageId = imageIdOf(request);
      const { tenantId } = principal;
      const lookup = await getImage(context.database, tenantId, imageId);
      // Who has not heard of the deletion yet hears of it.
      const isToldAll = lookup.state === 'gone' && (await isDeletionTold(context, request, tenantId, imageId));
      if (lookup.state === 'missing' || isToldAll) existing(lookup);
      return followAsEvents(context, request, reply, principal.tenantId, imageId);
    },
  };
}

async function create(context: HttpContext, request: FastifyRequest, reply: FastifyReply): Promise<FastifyReply> {
  const principal = await context.auth.principal(request, ROUTES.createImage.scope);
  const tenant = await tenantOf(context, principal);
  const query = request.query as { filename?: string; tags?: string; wait?: number };
  refuseForeignBody(request);
  const queryTags = readTags(query.tags);
  const base = baseUrl(context, request);
  const key = await takeKeyOf(context, request, tenant.tenantId);
  if (key.state === 'answered') return answer(reply.header('idempotency-replayed', 'true'), key.answer, base);
  let image: Image;
  try {
    image = await context.uploads.accept(request, {
      tenant,
      principal,
      filename: query.filename,
      tags: (received: Received) => [...queryTags, ...readTags(received.fields.get('tags'))],
      onFingerprint: key.setFingerprint,
      finish: (tx, accepted) => key.finish(tx, toImageResource(accepted, tenant, base)),
    });
  } catch (error) {
    await key.release();
    throw error;
  } finally {
    key.letGo();
  }
  const ended = query.wait ? await waitForImage(context, reply, image, query.wait) : image;
  // The answer is kept for repeats, where a tenant who no longer keeps locations would not find it.
  const resource = toImageResource({ ...ended, location: undefined }, tenant, base);
  if (ended !== image) await key.amend(resource);
  return answer(reply, resource, base);
}

/** 201 when there is nothing left to wait for. */
function answer(reply: FastifyReply, image: ImageResource, base: string): FastifyReply {
  return reply
    .code(image.state === 'pending' ? 202 : 201)
    .headers({ location: `${base}/v1/images/${image.id}`, 'cache-control': 'no-store' })
    .send(image);
}

async function list(context: HttpContext, request: FastifyRequest) {
  const principal = await context.auth.principal(request, ROUTES.listImages.scope);
  const tenant = await tenantOf(context, principal);
  const query = ROUTES.listImages.query.parse(request.query);
  if (query.after !== undefined && !isId('image', query.after)) {
    throw new ProblemError('request_invalid', { detail: 'after: is no cursor of this list.' });
  }
  const { images, next } = await listImages(context.database, tenant.tenantId, query);
  const base = baseUrl(context, request);
  return { images: images.map((image) => toImageResource(image, tenant, base)), ...(next !== undefined && { next }) };
}

async function remove(context: HttpContext, request: FastifyRequest) {
  const { auth, database, clock, store, hint, log } = context;
  const principal = await auth.principal(request, ROUTES.deleteImage.scope);
  const imageId = imageIdOf(request);
  const { tenantId, actor } = principal;
  const deleted = existing(await deleteImage(database, clock, { tenantId, imageId, actor, address: request.ip }));
  hint('events');
  const stale = deleted.marked === 'all' ? [undefined] : [imageId, ...deleted.marked];
  for (const one of stale) forget(context, { tenantId, imageId: one });
  await store.remove(deleted.objectKeys).catch((error: unknown) => {
    log.warn({ err: error, imageId }, 'objects of a deleted image are left for the janitor');
  });
  const { originalRemoved, renditionsRemoved } = deleted;
  return { id: imageId, deletedAt: deleted.deletedAt.toISOString(), originalRemoved, renditionsRemoved };
}

function imageIdOf(request: FastifyRequest): string {
  const { id } = request.params as { id: string };
  if (!isId('image', id)) throw new ProblemError('image_not_found');
  return id;
}

function refuseForeignBody(request: FastifyRequest): void {
  const type = request.headers['content-type'];
  if (type === undefined || /^(multipart\/form-data|image\/|application\/octet-stream)/i.test(type)) return;
  throw new ProblemError('media_type_unsupported', { detail: `Takes ${ROUTES.createImage.bodies.join(', ')}.` });
}

function readTags(text: string | undefined): string[] {
  const tags = (text ?? '').split(',').flatMap((tag) => (tag.trim() === '' ? [] : [tag]));
  if (tags.length > TAGS_MAX) {
    throw new ProblemError('request_invalid', { bound: { name: 'tagsMax', limit: TAGS_MAX, actual: tags.length } });
  }
  return tags.map((tag) => {
    const parsed = tagSchema.safeParse(tag);
    if (!parsed.success)
      throw new ProblemError('request_invalid', { detail: 'tags: each has 1 to 64 characters, NUL none of them.' });
    return parsed.data;
  });
}
