import { ROUTES, type Upload } from '@safelight/contract';
import type { FastifyReply, FastifyRequest } from 'fastify';
import { getImage } from '../../images/index.ts';
import { createUploadToken, newUploadTokenSecret, type UploadInProgress } from '../../uploads/index.ts';
import { baseUrl, type HttpContext, tenantOf } from '../context.ts';
import { beginDirectUpload, completeDirectUpload } from '../direct-upload.ts';
import { existing } from '../existing.ts';
import { readJson } from '../json-body.ts';
import { toImageResource } from '../resource.ts';
import { readVisibility } from '../tags.ts';
import { theirUpload } from '../their-upload.ts';
import { answerTus } from '../tus.ts';
import { type Uploader, uploaderOf } from '../uploader.ts';

/** `/v1/uploads`. */
export function uploadHandlers(context: HttpContext) {
  const tus = (request: FastifyRequest, reply: FastifyReply) => answerTus(context, request, reply);
  return {
    createUpload: tus,
    appendUpload: tus,
    endUpload: tus,
    getUpload: (request: FastifyRequest, reply: FastifyReply) =>
      request.method === 'HEAD' ? tus(request, reply) : read(context, request, reply),
    createUploadToken: (request: FastifyRequest, reply: FastifyReply) => createToken(context, request, reply),
    createDirectUpload: async (request: FastifyRequest, reply: FastifyReply) => {
      const uploader = await uploaderOf(context, request, reply);
      const wish = await readJson(request, ROUTES.createDirectUpload.body);
      return reply
        .code(201)
        .header('cache-control', 'no-store')
        .send(await beginDirectUpload(context, uploader, wish));
    },
    completeDirectUpload: async (request: FastifyRequest, reply: FastifyReply) => {
      const uploader = await uploaderOf(context, request, reply);
      const { id } = request.params as { id: string };
      return completeDirectUpload(context, request, reply, uploader, id);
    },
  };
}

async function read(context: HttpContext, request: FastifyRequest, reply: FastifyReply) {
  const uploader = await uploaderOf(context, request, reply);
  const { id } = request.params as { id: string };
  const upload = await theirUpload(context, uploader, id);
  return reply.header('cache-control', 'no-store').send(await toResource(context, request, uploader, upload));
}

async function toResource(
  context: HttpContext,
  request: FastifyRequest,
  { tenant }: Uploader,
  upload: UploadInProgress,
): Promise<Upload> {
  const { imageId, problem, filename } = upload;
  const image =
    imageId === undefined ? undefined : existing(await getImage(context.database, tenant.tenantId, imageId));
  return {
    id: upload.uploadId,
    kind: upload.kind,
    state: upload.state,
    bytes: upload.bytes,
    received: upload.received,
    ...(filename !== undefined && { filename }),
    tags: [...upload.tags],
    expiresAt: upload.expiresAt.toISOString(),
    ...(image && { image: toImageResource(image, tenant, baseUrl(context, request), context.clock.now()) }),
    ...(problem && { problem }),
  };
}

/** Only who has the key makes tokens: they cannot make others. */
async function createToken(context: HttpContext, request: FastifyRequest, reply: FastifyReply) {
  const principal = await context.auth.principal(request, ROUTES.createUploadToken.scope);
  const { tenantId } = await tenantOf(context, principal);
  const wish = await readJson(request, ROUTES.createUploadToken.body);
  const bytesMax = Math.min(wish.bytesMax ?? Number.POSITIVE_INFINITY, context.limits.uploadBytesMax);
  const secret = newUploadTokenSecret(context.clock);
  const { actor } = principal;
  const isPrivate = readVisibility(wish.visibility);
  const token = { ...wish, formats: wish.formats, origin: wish.origin, isPrivate, tenantId, secret, bytesMax, actor };
  const { tokenId, expiresAt } = await createUploadToken(context.database, context.clock, token);
  context.hint('events');
  return reply
    .code(201)
    .header('cache-control', 'no-store')
    .send({ id: tokenId, token: secret, bytesMax, imagesMax: wish.imagesMax, expiresAt: expiresAt.toISOString() });
}
