import type { DirectUpload, ROUTES } from '@safelight/contract';
import type { FastifyReply, FastifyRequest } from 'fastify';
import type { z } from 'zod';
import { newId } from '../core/ids.ts';
import { getImage } from '../images/index.ts';
import { openUpload, refuseUpload, type UploadInProgress } from '../uploads/index.ts';
import { answerImage } from './answer-image.ts';
import { baseUrl, type HttpContext } from './context.ts';
import { existing } from './existing.ts';
import { finishStaged } from './finish-upload.ts';
import { ProblemError } from './problem.ts';
import { toImageResource } from './resource.ts';
import { readVisibility } from './tags.ts';
import { refuseRefused, theirUpload } from './their-upload.ts';
import { UploadLease } from './upload-lease.ts';
import { boundsOf, type Uploader } from './uploader.ts';

/** As long as a slow line takes for the largest picture, with some patience. */
const PUT_SECONDS = 60 * 60;
/** Whoever has put the bytes has until then to say so. */
const LIFE_SECONDS = 2 * PUT_SECONDS;

type Wish = z.output<typeof ROUTES.createDirectUpload.body>;

/** @throws ProblemError when the store takes none, or the announced length crosses a bound. */
export async function beginDirectUpload(context: HttpContext, uploader: Uploader, wish: Wish): Promise<DirectUpload> {
  const { store, limits, clock, database } = context;
  const { tenant, token } = uploader;
  if (!store.presignPut) throw new ProblemError('direct_upload_unsupported');
  const { bytesMax = Number.POSITIVE_INFINITY } = boundsOf(uploader);
  const limit = Math.min(limits.uploadBytesMax, bytesMax);
  if (wish.bytes > limit)
    throw new ProblemError('upload_too_large', { bound: { name: 'uploadBytesMax', limit, actual: wish.bytes } });
  const objectKey = `${tenant.tenantId}/upload/${newId('object', clock)}`;
  const sha256 = wish.sha256 === undefined ? undefined : Buffer.from(wish.sha256, 'hex');
  const { upload } = await openUpload(database, {
    uploadId: newId('upload', clock),
    tenantId: tenant.tenantId,
    kind: 'direct',
    tokenId: token?.tokenId,
    bytes: wish.bytes,
    sha256,
    filename: wish.filename,
    isPrivate: token?.isPrivate ?? readVisibility(wish.visibility),
    tags: [...new Set([...wish.tags, ...(token?.tags ?? [])])],
    objectKey,
    expiresInSeconds: LIFE_SECONDS,
    leaseSeconds: 0,
  });
  const put = await store.presignPut(objectKey, { bytes: wish.bytes, sha256, secondsMax: PUT_SECONDS });
  const expiresAt = new Date(upload.expiresAt.getTime() - (LIFE_SECONDS - PUT_SECONDS) * 1000).toISOString();
  return { id: upload.uploadId, method: 'PUT', url: put.url, headers: { ...put.headers }, expiresAt };
}

/**
 * Accepts what was put. Nothing is taken for granted: the bytes are copied under a key that no signed URL names, and on
 * that way counted, digested, and looked at like those of every other upload.
 */
export async function completeDirectUpload(
  context: HttpContext,
  request: FastifyRequest,
  reply: FastifyReply,
  uploader: Uploader,
  id: string,
): Promise<FastifyReply> {
  const { tenant } = uploader;
  const base = baseUrl(context, request);
  await theirUpload(context, uploader, id, 'direct');
  const lease = await UploadLease.take(context, { tenantId: tenant.tenantId, uploadId: id });
  try {
    // As it is now that nobody else changes it.
    const upload = await theirUpload(context, uploader, id, 'direct');
    if (upload.imageId !== undefined) {
      const image = existing(await getImage(context.database, tenant.tenantId, upload.imageId));
      return answerImage(reply, toImageResource(image, tenant, base, context.clock.now()), base);
    }
    refuseRefused(upload);
    const objectKeys = [await arrived(context, request, upload, lease)];
    const image = await context.uploads.count(tenant.tenantId, () =>
      finishStaged(context, request, { uploader, upload, hold: lease.hold, objectKeys }),
    );
    return answerImage(reply, toImageResource(image, tenant, base, context.clock.now()), base);
  } finally {
    await lease.release();
  }
}

/** Before the bytes are read: whether there are any, and not more than were announced. */
async function arrived(
  context: HttpContext,
  request: FastifyRequest,
  upload: UploadInProgress,
  { hold }: UploadLease,
): Promise<string> {
  const { objectKey = '', bytes } = upload;
  const stat = await context.store.stat(objectKey);
  if (!stat) throw new ProblemError('upload_bytes_missing');
  if (stat.bytes === bytes) return objectKey;
  const problem = new ProblemError('upload_mismatch', { detail: `They are ${stat.bytes}, and not ${bytes}.` });
  await refuseUpload(context.database, hold, problem.body(request.id));
  await context.store.remove([objectKey]).catch(() => undefined);
  throw problem;
}
