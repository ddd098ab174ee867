import {
  type Consistency,
  canonicalTransformation,
  type Deletion,
  type Explanation,
  type Image,
  type ImageChange,
  type ImageImport,
  type ImagePage,
  type RenditionState,
  type Transformation,
  type Visibility,
} from '@safelight/contract';
import { answerUnreadable } from './errors.ts';
import { type FollowOptions, followImage, type ImageEvent } from './follow.ts';
import type { Call, Send, Transport } from './transport.ts';
import { contentType, isRepeatable, type OnProgress, type UploadBody, uploadSend } from './upload.ts';

export interface CreateOptions {
  /** For raw bodies; a form tells its own. A `File` brings its name along. */
  readonly filename?: string | undefined;
  readonly tags?: readonly string[] | undefined;
  /** Absent: as the tenant's settings have it. */
  readonly visibility?: Visibility | undefined;
  /** One is made up when none is given, so that an upload can be repeated and still makes one image. */
  readonly idempotencyKey?: string | undefined;
  /** Seconds to wait for the renditions, at most 30. */
  readonly wait?: number | undefined;
  readonly onProgress?: OnProgress | undefined;
  readonly signal?: AbortSignal | undefined;
}

export type ImportOptions = Pick<CreateOptions, 'wait' | 'idempotencyKey' | 'signal'>;

export interface ListOptions {
  /** Images of one page, 1 to 200. */
  readonly limit?: number | undefined;
  /** The cursor `next` of the page before. */
  readonly after?: string | undefined;
  readonly tag?: string | undefined;
  readonly state?: RenditionState | undefined;
  /** ISO 8601. */
  readonly since?: string | undefined;
  readonly until?: string | undefined;
  /** What is in the trash, alone or with the others. */
  readonly trash?: 'only' | 'with' | undefined;
  /** `strong`: with everything that was committed before. Else at least as new as what this client has seen. */
  readonly consistency?: Consistency | undefined;
  readonly signal?: AbortSignal | undefined;
}

export interface DeleteOptions extends CallOptions {
  readonly erase?: boolean | undefined;
}

export interface CallOptions {
  readonly signal?: AbortSignal | undefined;
}

export interface ReadOptions extends CallOptions {
  /** `strong`: with everything that was committed before. Else at least as new as what this client has seen. */
  readonly consistency?: Consistency | undefined;
}

/** One page when awaited; every image of every page when iterated. */
export interface ImageList extends PromiseLike<ImagePage>, AsyncIterable<Image> {
  /** Page after page. */
  pages(): AsyncIterable<ImagePage>;
}

export interface Images {
  /** Sends a picture. Its URLs work as soon as this resolves; its renditions may still be `pending`. */
  create(body: UploadBody, options?: CreateOptions): Promise<Image>;
  /** Has the service fetch a picture from a host that the tenant's settings allow. */
  import(wish: ImageImport, options?: ImportOptions): Promise<Image>;
  /** Newest first. */
  list(options?: ListOptions): ImageList;
  get(id: string, options?: ReadOptions): Promise<Image>;
  /** Changes who may see it, or its tags; what is absent stays. */
  change(id: string, change: ImageChange, options?: CallOptions): Promise<Image>;
  /** To the trash, where the tenant has one; `erase` past it or out of it, which cannot be taken back. */
  delete(id: string, options?: DeleteOptions): Promise<Deletion>;
  /** Brings it back from the trash. */
  restore(id: string, options?: CallOptions): Promise<Image>;
  /** How a rendition is made, what that is predicted to cost, and what it did cost if it was made; makes nothing. */
  explain(id: string, transformation: Transformation, options?: ReadOptions): Promise<Explanation>;
  /** See {@link followImage}. */
  follow(id: string, options?: FollowOptions): AsyncIterable<ImageEvent>;
}

const IMAGES_PATH = '/v1/images';

/** The images of the key's tenant. */
export function createImages(transport: Transport): Images {
  return {
    create: (body, options = {}) => createImage(transport, body, options),
    import: (wish, { wait, signal, idempotencyKey = newIdempotencyKey() } = {}) =>
      json<Image>(transport, {
        method: 'POST',
        path: IMAGES_PATH,
        query: { wait },
        headers: { 'idempotency-key': idempotencyKey },
        body: wish,
        repeatable: true,
        signal,
      }),
    list: (options = {}) => listImages(transport, options),
    get: (id, options) => json<Image>(transport, { method: 'GET', path: imagePath(id), ...options }),
    change: (id, body, options) => json<Image>(transport, { method: 'PATCH', path: imagePath(id), body, ...options }),
    // A repeated deletion whose first answer was lost finds the image gone: that is what was wanted, but the receipt is
    // lost with it, so the error stands.
    delete: (id, { erase, signal } = {}) => {
      const query = { erase: erase ? 'now' : undefined };
      return json<Deletion>(transport, { method: 'DELETE', path: imagePath(id), query, signal });
    },
    restore: (id, options) => json<Image>(transport, { method: 'POST', path: `${imagePath(id)}/restore`, ...options }),
    explain: (id, transformation, options) => {
      const query = Object.fromEntries(new URLSearchParams(canonicalTransformation(transformation)));
      return json<Explanation>(transport, { method: 'GET', path: `${imagePath(id)}/explain`, query, ...options });
    },
    follow: (id, options) => followImage(transport, `${imagePath(id)}/events`, options),
  };
}

async function createImage(transport: Transport, body: UploadBody, options: CreateOptions): Promise<Image> {
  const filename = options.filename ?? (typeof File !== 'undefined' && body instanceof File ? body.name : undefined);
  const response = await transport.call(
    {
      method: 'POST',
      path: IMAGES_PATH,
      query: {
        filename: body instanceof FormData ? undefined : filename,
        tags: options.tags?.length ? options.tags.join(',') : undefined,
        visibility: options.visibility,
        wait: options.wait,
      },
      headers: {
        'content-type': contentType(body),
        'idempotency-key': options.idempotencyKey ?? newIdempotencyKey(),
      },
      repeatable: isRepeatable(body),
      signal: options.signal,
    },
    uploadSend(body, transport.fetch, options.onProgress),
  );
  return readJson<Image>(response);
}

function listImages(transport: Transport, { signal, consistency, ...query }: ListOptions): ImageList {
  const page = (after: string | undefined) =>
    json<ImagePage>(transport, { method: 'GET', path: IMAGES_PATH, query: { ...query, after }, consistency, signal });

  async function* pages(): AsyncGenerator<ImagePage, void, void> {
    let after = query.after;
    do {
      const current: ImagePage = await page(after);
      yield current;
      after = current.next;
    } while (after !== undefined);
  }

  async function* images(): AsyncGenerator<Image, void, void> {
    for await (const { images: ofPage } of pages()) yield* ofPage;
  }

  return {
    // biome-ignore lint/suspicious/noThenProperty: a list is awaited for one page and iterated for all.
    then: (fulfilled, rejected) => page(query.after).then(fulfilled, rejected),
    pages,
    [Symbol.asyncIterator]: images,
  };
}

interface JsonCall extends Omit<Call, 'repeatable'> {
  /** Sent as JSON. */
  readonly body?: unknown;
  /** Absent: everything but a POST that carries a body, which may make something each time. */
  readonly repeatable?: boolean | undefined;
}

/** A call that is answered in JSON. */
export async function json<T>(transport: Transport, { body, repeatable, ...call }: JsonCall): Promise<T> {
  const isRepeatable = repeatable ?? (call.method !== 'POST' || body === undefined);
  if (body === undefined) return readJson<T>(await transport.call({ ...call, repeatable: isRepeatable }));
  const headers = { ...call.headers, 'content-type': 'application/json' };
  const send: Send = ({ signal, ...one }) =>
    transport.fetch(one.url, { ...one, body: JSON.stringify(body), ...(signal && { signal }) });
  return readJson<T>(await transport.call({ ...call, headers, repeatable: isRepeatable }, send));
}

async function readJson<T>(response: Response): Promise<T> {
  try {
    return (await response.json()) as T;
  } catch {
    throw answerUnreadable(response, 'The answer is not JSON.');
  }
}

function imagePath(id: string): string {
  return `${IMAGES_PATH}/${encodeURIComponent(id)}`;
}

const IDEMPOTENCY_KEY_BYTES = 16;

/** A key for one upload, whose repetitions then make one image. Not `crypto.randomUUID`: browsers withhold that without TLS. */
export function newIdempotencyKey(): string {
  const bytes = crypto.getRandomValues(new Uint8Array(IDEMPOTENCY_KEY_BYTES));
  return Array.from(bytes, (byte) => byte.toString(16).padStart(2, '0')).join('');
}
