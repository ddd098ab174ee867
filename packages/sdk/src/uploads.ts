import type { DirectUpload, Image, NewUploadToken, Upload, UploadTokenWish, Visibility } from '@safelight/contract';
import { answerUnreadable, errorOfResponse } from './errors.ts';
import { type CallOptions, json } from './images.ts';
import { sendResumable } from './resumable.ts';
import type { Transport } from './transport.ts';
import type { OnProgress } from './upload.ts';
import { fingerprintOf, type InterruptedUpload, UploadMemory, type UploadStorage } from './upload-memory.ts';

export interface SendOptions extends CallOptions {
  /** A `File` brings its name along. */
  readonly filename?: string | undefined;
  readonly tags?: readonly string[] | undefined;
  /** Absent: as the tenant's settings have it. */
  readonly visibility?: Visibility | undefined;
  readonly onProgress?: OnProgress | undefined;
}

export interface ResumableOptions extends SendOptions {
  /** Remembers the upload, such as `localStorage`: the same file sent again, after a reload, goes on where it was. */
  readonly storage?: UploadStorage | undefined;
  /** What one request carries; 8 MiB if absent. */
  readonly pieceBytes?: number | undefined;
}

export interface Uploads {
  /** Sends a picture in pieces; whatever breaks meanwhile, it goes on from the last byte that the service has. */
  resumable(body: Blob, options?: ResumableOptions): Promise<Image>;
  /** What `storage` remembers and can still go on. */
  interrupted(storage: UploadStorage): InterruptedUpload[];
  /** Sends a picture straight to the object store, where the installation has one that takes it (S3). */
  direct(body: Blob, options?: Omit<SendOptions, 'onProgress'>): Promise<Image>;
  get(id: string, options?: CallOptions): Promise<Upload>;
  /** A short-lived token for a browser, which takes it as its `key`. */
  createToken(wish?: UploadTokenWish, options?: CallOptions): Promise<NewUploadToken>;
}

const PATH = '/v1/uploads';
const PIECE_BYTES = 8 * 2 ** 20;

/** Uploads that take several requests, and the tokens for them. */
export function createUploads(transport: Transport, baseUrl: string): Uploads {
  const memoryOf = (storage?: UploadStorage) =>
    new UploadMemory(storage, () => performance.timeOrigin + performance.now());
  const get = (path: string, options?: CallOptions) => json<Upload>(transport, { method: 'GET', path, ...options });
  return {
    resumable: async (body, options = {}) => {
      const filename = options.filename ?? nameOf(body);
      const path = await sendResumable(transport, {
        body,
        filename,
        tags: options.tags,
        visibility: options.visibility,
        // One that was begun as public never goes on as private.
        fingerprint: `${fingerprintOf(body, filename, baseUrl)}${options.visibility ?? ''}`,
        memory: memoryOf(options.storage),
        pieceBytes: options.pieceBytes ?? PIECE_BYTES,
        onProgress: options.onProgress,
        signal: options.signal,
      });
      const { image } = await get(path, { signal: options.signal });
      if (!image) throw answerUnreadable(new Response(null, { status: 200 }), 'The finished upload has no image.');
      return image;
    },
    interrupted: (storage) => memoryOf(storage).list(),
    direct: (body, options = {}) => sendDirect(transport, body, options),
    get: (id, options) => get(`${PATH}/${encodeURIComponent(id)}`, options),
    createToken: (wish = {}, options) =>
      json<NewUploadToken>(transport, { method: 'POST', path: `${PATH}/tokens`, body: wish, ...options }),
  };
}

async function sendDirect(transport: Transport, body: Blob, options: SendOptions): Promise<Image> {
  const { tags, visibility, signal } = options;
  const wish = { bytes: body.size, filename: options.filename ?? nameOf(body), ...(tags && { tags }), visibility };
  const path = `${PATH}/direct`;
  const begun = await json<DirectUpload>(transport, { method: 'POST', path, body: wish, repeatable: true, signal });
  const { method, url, headers } = begun;
  const put = await transport.fetch(url, { method, headers, body, ...(signal && { signal }) });
  if (!put.ok) throw await errorOfResponse(put);
  return json<Image>(transport, { method: 'POST', path: `${path}/${begun.id}/complete`, signal });
}

function nameOf(body: Blob): string | undefined {
  return typeof File !== 'undefined' && body instanceof File ? body.name : undefined;
}
