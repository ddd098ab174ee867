import { PassThrough, Readable, type Transform } from 'node:stream';
import { type ErrorCode, ROUTES, TUS_BODY } from '@safelight/contract';
import { Server } from '@tus/server';
import type { FastifyReply, FastifyRequest } from 'fastify';
import { baseUrl, type HttpContext } from './context.ts';
import { toProblem } from './failures.ts';
import { Paced } from './pace.ts';
import { ProblemError } from './problem.ts';
import { guardBody } from './receive.ts';
import { TusStore } from './tus-store.ts';
import { TUS_VERSION } from './tus-version.ts';
import { boundsOf, uploaderOf } from './uploader.ts';

const PATH = ROUTES.createUpload.path;

/** What the protocol's server answers, as entries of the catalogue. */
const CODES: Readonly<Record<number, ErrorCode>> = {
  400: 'request_invalid',
  403: 'request_invalid',
  404: 'upload_not_found',
  409: 'upload_offset_conflict',
  410: 'upload_gone',
  412: 'tus_version_unsupported',
  413: 'upload_too_large',
  501: 'request_invalid',
};

/** One request of the tus protocol: the library speaks it, `TusStore` keeps what was sent. */
export async function answerTus(context: HttpContext, request: FastifyRequest, reply: FastifyReply): Promise<unknown> {
  const uploader = await uploaderOf(context, request, reply);
  reply.headers({ 'tus-resumable': TUS_VERSION, 'cache-control': 'no-store' });
  if (!isOfVersion(request)) {
    throw new ProblemError('tus_version_unsupported', { headers: { 'tus-version': TUS_VERSION } });
  }
  // What goes on was measured when it began.
  const { bytesMax = Number.POSITIVE_INFINITY } = request.method === 'POST' ? boundsOf(uploader) : {};
  const store = new TusStore(context, request, uploader);
  const sizeMax = Math.min(bytesMax, context.limits.uploadBytesMax);
  let problem: ProblemError | undefined;
  const server = new Server({
    path: PATH,
    datastore: store,
    locker: store,
    maxSize: sizeMax,
    // Whoever waits for the lease waits for this too.
    lockDrainTimeout: 1,
    namingFunction: () => store.newId(),
    generateUrl: (_request, { id }) => `${baseUrl(context, request)}${PATH}/${id}`,
    onResponseError: (_request, error) => {
      problem = 'status_code' in error ? fromTus(error.status_code, error.body, sizeMax) : toProblem(error);
      return { status_code: problem.status, body: problem.message };
    },
  });
  const exchange = async () => {
    const body = bodyOf(context, request);
    try {
      const answer = await server.handleWeb(toWeb(request, body?.stream));
      // What came before the client was lost is kept; of an upload that is whole it is of no more interest.
      if (body?.signal.aborted && store.imageId === undefined) throw body.signal.reason;
      return answer;
    } finally {
      body?.end();
    }
  };
  const takesBody = request.method === 'POST' || request.method === 'PATCH';
  const answer = await (takesBody ? context.uploads.count(uploader.tenant.tenantId, exchange) : exchange());
  if (problem) throw problem;
  if (answer.status >= 400) throw fromTus(answer.status, await answer.text(), sizeMax);
  for (const [name, value] of answer.headers) {
    if (!name.startsWith('access-control-') && !name.startsWith('content-')) reply.header(name, value);
  }
  if (store.imageId !== undefined) reply.header('safelight-image', store.imageId);
  return reply.code(answer.status).send();
}

function isOfVersion({ headers }: FastifyRequest): boolean {
  return headers['tus-resumable'] === TUS_VERSION;
}

function fromTus(status: number, text: string, sizeMax: number): ProblemError {
  if (/^Request aborted/.test(text)) return new ProblemError('upload_held');
  const code = CODES[status] ?? 'internal';
  if (code === 'upload_too_large')
    return new ProblemError(code, { bound: { name: 'uploadBytesMax', limit: sizeMax }, detail: text.trim() });
  return new ProblemError(code, { detail: text.trim() });
}

/** The request as the web's own type, without what fetch forbids; its address tells the id alone. */
function toWeb(request: FastifyRequest, body: Transform | undefined): Request {
  const headers = new Headers();
  for (const [name, value] of Object.entries(request.headers)) {
    if (/^(upload-|tus-|content-)/.test(name) && typeof value === 'string') headers.set(name, value);
  }
  const { pathname } = new URL(request.url, 'http://localhost');
  return new Request(`http://localhost${pathname}`, {
    method: request.method,
    headers,
    // The library reads it as a Node stream again; Node's types of the two differ by name alone.
    ...(body && { body: Readable.toWeb(body) as ReadableStream, duplex: 'half' as const }),
  });
}

/** The body, guarded; when its client is lost, what has come by then is all there is, and is kept. */
function bodyOf({ clock, limits }: HttpContext, request: FastifyRequest) {
  const { raw, headers } = request;
  const isBody = headers['content-type'] === TUS_BODY && headers['content-length'] !== '0';
  if (!isBody || (raw.method !== 'POST' && raw.method !== 'PATCH')) return undefined;
  const { uploadBytesMax: bytesMax, uploadIdleMs: idleMs, uploadRateMin: rateMin } = limits;
  const pace = request.paces?.bytesIn;
  const paced = pace && new Paced(pace, clock);
  const guard = guardBody(raw, bytesMax, { clock, bytesMax, idleMs, rateMin, held: paced });
  const stream = paced ?? new PassThrough();
  const cut = () => {
    raw.unpipe(stream);
    stream.end();
  };
  guard.signal.addEventListener('abort', cut, { once: true });
  raw.pipe(stream);
  return {
    stream,
    signal: guard.signal,
    end: () => {
      guard.end();
      raw.unpipe(stream);
      stream.destroy();
    },
  };
}
