import type { FastifyReply, FastifyRequest } from 'fastify';
import type { Auth } from './auth.ts';
import { allowOrigin } from './cors.ts';
import { TUS_EXTENSIONS, TUS_VERSION } from './tus-version.ts';

const READABLE = /^\/(i|iiif)\//;
/** What the bearer of an upload token uses, whose page is of another origin. */
const SENDABLE = /^\/v1\/(uploads(?!\/tokens)|images(\?|$))/;
/** A delivery token may come in `Authorization`. */
const READ = 'authorization, range, if-none-match, if-range';
const AGE_SECONDS = '86400';
const SENT = [
  'authorization',
  'content-type',
  'idempotency-key',
  'prefer',
  'tus-resumable',
  'upload-length',
  'upload-metadata',
  'upload-offset',
].join(', ');

interface Preflight {
  /** Methods of the path. */
  readonly allow: readonly string[];
  readonly auth: Pick<Auth, 'tenant'>;
  readonly uploadBytesMax: number;
}

/**
 * OPTIONS. Pages of other origins may read what anybody may read, and send what an upload token allows: that is never
 * added by the browser itself. A key belongs to servers, so the rest of the API promises them nothing.
 * @returns nothing where it is no answer to this request.
 */
export async function answerPreflight(
  request: FastifyRequest,
  reply: FastifyReply,
  { allow, auth, uploadBytesMax }: Preflight,
): Promise<FastifyReply | undefined> {
  if (request.method !== 'OPTIONS' || allow.length === 0) return undefined;
  const isSendable = request.hostTenant === null && SENDABLE.test(request.url);
  if (!isSendable && request.hostTenant === null && !READABLE.test(request.url)) return undefined;
  const methods = allow.join(', ');
  reply.code(204).headers({
    allow: methods,
    'access-control-allow-methods': methods,
    'access-control-allow-headers': isSendable ? SENT : READ,
    'access-control-max-age': AGE_SECONDS,
  });
  if (isSendable) reply.header('access-control-allow-origin', '*');
  else allowOrigin(request, reply, await tenantOf(request, auth));
  if (request.url.startsWith('/v1/uploads')) {
    reply.headers({
      'tus-resumable': TUS_VERSION,
      'tus-version': TUS_VERSION,
      'tus-extension': TUS_EXTENSIONS.join(','),
      'tus-max-size': uploadBytesMax,
    });
  }
  return reply.send();
}

/** Whose deliveries the path names; of IIIF's it names an image, and the answer itself will tell. */
async function tenantOf({ url, hostTenant }: FastifyRequest, auth: Preflight['auth']) {
  const name = hostTenant ?? /^\/i\/([^/?]+)/.exec(url)?.[1];
  return name === undefined ? undefined : auth.tenant(name);
}
