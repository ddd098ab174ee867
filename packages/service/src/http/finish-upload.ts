import { Readable } from 'node:stream';
import type { ErrorCode } from '@safelight/contract';
import type { FastifyRequest } from 'fastify';
import type { Image } from '../images/index.ts';
import { ObjectMissingError } from '../ports/object-store.ts';
import { finishUpload, refuseUpload, type UploadHold, type UploadInProgress } from '../uploads/index.ts';
import type { HttpContext } from './context.ts';
import { toProblem } from './failures.ts';
import { ProblemError } from './problem.ts';
import { PartialUploadError } from './receive.ts';
import { boundsOf, spendToken, type Uploader } from './uploader.ts';

/** Of these bytes no picture will ever be taken: the upload is over. */
const FINAL: ReadonlySet<ErrorCode> = new Set([
  'image_invalid',
  'image_too_large',
  'image_format_unsupported',
  'upload_too_large',
  'upload_mismatch',
  'upload_token_spent',
  'upload_gone',
]);

export interface Finish {
  readonly uploader: Uploader;
  readonly upload: UploadInProgress;
  readonly hold: UploadHold;
  /** Where its bytes lie, in their order. */
  readonly objectKeys: readonly string[];
}

/**
 * Takes the whole of an upload through the acceptance of every other picture, and ends it in the same transaction: of
 * any number that try, one succeeds. What was staged is removed; bytes that are refused for good end the upload too.
 */
export async function finishStaged(context: HttpContext, request: FastifyRequest, finish: Finish): Promise<Image> {
  const { uploader, upload, hold, objectKeys } = finish;
  const { store, database, uploads } = context;
  const drop = (keys: readonly string[]) => store.remove(keys).catch(() => undefined);
  try {
    const image = await uploads.acceptCounted(request, {
      ...uploader,
      ...boundsOf(uploader),
      filename: upload.filename,
      tags: () => upload.tags,
      isPrivate: () => upload.isPrivate,
      receive: async (put) => {
        const digest = await put(Readable.from(concatenated(context, objectKeys), { objectMode: false }));
        const isAsTold = !upload.sha256 || Buffer.from(upload.sha256).equals(digest.sha256);
        if (!isAsTold || digest.bytes !== upload.bytes)
          throw new PartialUploadError(new ProblemError('upload_mismatch', { detail: mismatch(upload, digest.bytes) }));
        return { digest, filename: undefined, fields: new Map() };
      },
      finish: async (tx, accepted) => {
        await spendToken(tx, uploader);
        await finishUpload(tx, hold, accepted.imageId);
      },
    });
    await drop(objectKeys);
    return image;
  } catch (error) {
    const problem = error instanceof ObjectMissingError ? new ProblemError('upload_gone') : toProblem(error);
    if (FINAL.has(problem.code)) {
      await refuseUpload(database, hold, problem.body(request.id));
      await drop(objectKeys);
    }
    throw problem;
  }
}

async function* concatenated({ store }: HttpContext, objectKeys: readonly string[]): AsyncGenerator<Buffer> {
  for (const key of objectKeys) yield* (await store.read(key)).stream;
}

function mismatch({ bytes }: UploadInProgress, actual: number): string {
  return actual === bytes ? 'Their SHA-256 is another.' : `They are ${actual}, and not ${bytes}.`;
}
