import { ROUTES } from '@safelight/contract';
import type { FastifyReply, FastifyRequest } from 'fastify';
import { isId } from '../../core/ids.ts';
import type { Reads } from '../../db/database.ts';
import { eraseImage } from '../../erasure/index.ts';
import {
  changeImage,
  getImage,
  getImageOrTrashed,
  type Image,
  listImages,
  restoreImage,
  trashImage,
} from '../../images/index.ts';
import { onUpload } from '../../tenants/index.ts';
import { answerImage } from '../answer-image.ts';
import { baseUrl, type HttpContext, tenantOf } from '../context.ts';
import { followAsEvents, isDeletionTold } from '../event-stream.ts';
import { existing } from '../existing.ts';
import { forget } from '../forget.ts';
import { takeKeyOf } from '../idempotent.ts';
import { receiveFrom } from '../import-image.ts';
import { isJson, readJson } from '../json-body.ts';
import { ProblemError } from '../problem.ts';
import type { Received } from '../receive.ts';
import { toImageResource } from '../resource.ts';
import { refuseFeature } from '../standing.ts';
import { readTags, readVisibility } from '../tags.ts';
import { boundsOf, spendToken, uploaderOf } from '../uploader.ts';
import { waitForImage } from '../wait.ts';

/** `/v1/images`. */
export function imageHandlers(context: HttpContext) {
  return {
    createImage: (request: FastifyRequest, reply: FastifyReply) => create(context, request, reply),
    listImages: (request: FastifyRequest, reply: FastifyReply) => list(context, request, reply),
    getImage: async (request: FastifyRequest, reply: FastifyReply) => {
      const principal = await context.auth.principal(request, ROUTES.getImage.scope);
      const tenant = await tenantOf(context, principal);
      const imageId = imageIdOf(request);
      const find = (reads: Reads) => getImageOrTrashed(reads, tenant.tenantId, imageId);
      const image = await context.positions.look(request, reply, find);
      return toImageResource(image, tenant, baseUrl(context, request), context.clock.now());
    },
    changeImage: (request: FastifyRequest, reply: FastifyReply) => change(context, request, reply),
    deleteImage: (request: FastifyRequest) => remove(context, request),
    restoreImage: (request: FastifyRequest) => restore(context, request),
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
  const uploader = await uploaderOf(context, request, reply);
  const { tenant, token } = uploader;
  const query = request.query as { filename?: string; tags?: string; visibility?: string; wait?: number };
  refuseForeignBody(request);
  const bounds = boundsOf(uploader);
  const wish = isJson(request) ? await readJson(request, ROUTES.createImage.body) : undefined;
  const tags = [...readTags(query.tags), ...(token?.tags ?? []), ...(wish?.tags ?? [])];
  const base = baseUrl(context, request);
  const key = await takeKeyOf(context, request, { tenantId: tenant.tenantId, tokenId: token?.tokenId, wish });
  if (key.state === 'answered') return answerImage(reply.header('idempotency-replayed', 'true'), key.answer, base);
  let image: Image;
  try {
    image = await context.uploads.accept(request, {
      ...uploader,
      ...bounds,
      filename: wish?.filename ?? query.filename,
      tags: (received: Received) => [...tags, ...readTags(received.fields.get('tags'))],
      isPrivate: (received: Received) =>
        token?.isPrivate ?? readVisibility(wish?.visibility ?? query.visibility ?? received.fields.get('visibility')),
      ...(wish
        ? { receive: (put) => receiveFrom(context, { tenant, url: wish.url, pace: request.paces?.bytesIn }, put) }
        : { onFingerprint: key.setFingerprint }),
      finish: async (tx, accepted) => {
        await spendToken(tx, uploader);
        await key.finish(tx, toImageResource(accepted, tenant, base, context.clock.now()));
      },
    });
  } catch (error) {
    await key.release();
    throw error;
  } finally {
    key.letGo();
  }
  const ended = query.wait ? await waitForImage(context, reply, image, query.wait) : image;
  // The answer is kept for repeats, where a tenant who no longer keeps locations would not find it.
  const resource = toImageResource({ ...ended, location: undefined }, tenant, base, context.clock.now());
  if (ended !== image) await key.amend(resource);
  return answerImage(reply, resource, base);
}

async function change(context: HttpContext, request: FastifyRequest, reply: FastifyReply) {
  const { auth, database, clock, hint } = context;
  const { actor, ...principal } = await auth.principal(request, ROUTES.changeImage.scope);
  const tenant = await tenantOf(context, { actor, ...principal });
  const imageId = imageIdOf(request);
  const { visibility, tags } = await readJson(request, ROUTES.changeImage.body);
  if (visibility === 'private') refuseFeature(tenant, 'private_images');
  const { tenantId } = tenant;
  const isPrivate = visibility && visibility === 'private';
  const wish = { tenantId, imageId, actor, address: request.ip, isPrivate, tags };
  const { stale } = existing(await changeImage(database, clock, wish));
  hint('events');
  for (const one of stale === 'all' ? [undefined] : stale) forget(context, { tenantId, imageId: one });
  const image = existing(await getImage(database, tenantId, imageId));
  return reply.send(toImageResource(image, tenant, baseUrl(context, request), clock.now()));
}

async function list(context: HttpContext, request: FastifyRequest, reply: FastifyReply) {
  const principal = await context.auth.principal(request, ROUTES.listImages.scope);
  const tenant = await tenantOf(context, principal);
  const query = ROUTES.listImages.query.parse(request.query);
  if (query.after !== undefined && !isId('image', query.after)) {
    throw new ProblemError('request_invalid', { detail: 'after: is no cursor of this list.' });
  }
  const { images, next } = await listImages(context.positions.reads(request, reply), tenant.tenantId, query);
  const base = baseUrl(context, request);
  return {
    images: images.map((image) => toImageResource(image, tenant, base, context.clock.now())),
    ...(next !== undefined && { next }),
  };
}

async function remove(context: HttpContext, request: FastifyRequest) {
  const { auth, database, clock, store, log } = context;
  const principal = await auth.principal(request, ROUTES.deleteImage.scope);
  const { settings } = await tenantOf(context, principal);
  const imageId = imageIdOf(request);
  const { tenantId, actor } = principal;
  const wish = { tenantId, imageId, actor, address: request.ip };
  const { erase } = request.query as { erase?: 'now' };
  if (settings.trashDays > 0 && erase === undefined) {
    const trashed = existing(await trashImage(database, clock, { ...wish, days: settings.trashDays }));
    tellStale(context, tenantId, imageId, trashed.marked);
    const [deletedAt, erasesAt] = [trashed.trashedAt.toISOString(), trashed.erasesAt.toISOString()];
    return { id: imageId, deletedAt, originalRemoved: false, renditionsRemoved: 0, erasesAt };
  }
  const deleted = existing(await eraseImage(database, clock, wish));
  tellStale(context, tenantId, imageId, deleted.marked);
  await store.remove(deleted.objectKeys).catch((error: unknown) => {
    log.warn({ err: error, imageId }, 'objects of a deleted image are left for the janitor');
  });
  const { originalRemoved, renditionsRemoved, erasureId: erasure } = deleted;
  return { id: imageId, deletedAt: deleted.deletedAt.toISOString(), originalRemoved, renditionsRemoved, erasure };
}

async function restore(context: HttpContext, request: FastifyRequest) {
  const { auth, database, clock } = context;
  const principal = await auth.principal(request, ROUTES.restoreImage.scope);
  const tenant = await tenantOf(context, principal);
  const imageId = imageIdOf(request);
  const { tenantId, actor } = principal;
  const wish = { tenantId, imageId, actor, address: request.ip, transformations: onUpload(tenant.presets) };
  const restored = await restoreImage(database, clock, wish);
  tellStale(context, tenantId, imageId, existing(restored).marked);
  context.hint('jobs');
  const image = existing(await getImage(database, tenantId, imageId));
  return toImageResource(image, tenant, baseUrl(context, request), context.clock.now());
}

/** The other nodes hear at the commit. */
function tellStale(context: HttpContext, tenantId: string, imageId: string, marked: readonly string[] | 'all'): void {
  context.hint('events');
  const stale = marked === 'all' ? [undefined] : [imageId, ...marked];
  for (const one of stale) forget(context, { tenantId, imageId: one });
}

function imageIdOf(request: FastifyRequest): string {
  const { id } = request.params as { id: string };
  if (!isId('image', id)) throw new ProblemError('image_not_found');
  return id;
}

function refuseForeignBody(request: FastifyRequest): void {
  const type = request.headers['content-type'];
  if (type === undefined || /^(multipart\/form-data|image\/|application\/octet-stream)/i.test(type)) return;
  if (isJson(request)) return;
  const taken = [...ROUTES.createImage.bodies, 'application/json'].join(', ');
  throw new ProblemError('media_type_unsupported', { detail: `Takes ${taken}.` });
}
