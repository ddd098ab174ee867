import { Readable } from 'node:stream';
import type { FastifyReply, FastifyRequest } from 'fastify';
import { invariant } from '../core/invariant.ts';
import type { ByteRange } from '../ports/object-store.ts';
import { type Access, accessLeftMs, opens } from './access.ts';
import { type Caching, cacheControl } from './cache-control.ts';
import type { HttpContext } from './context.ts';
import type { Deliverable, Found } from './deliverable.ts';
import { lengthError } from './object-cache.ts';
import { Paced, pacedBy } from './pace.ts';
import { ProblemError } from './problem.ts';
import { matchesTag, readRange } from './ranges.ts';
import { type FoundIn, serverTiming } from './server-timing.ts';
import { endWhenUnread } from './unread.ts';

/** Our own table: the type is never what the uploader said. */
const CONTENT_TYPES: Readonly<Record<string, string>> = {
  jpeg: 'image/jpeg',
  jpg: 'image/jpeg',
  png: 'image/png',
  webp: 'image/webp',
  avif: 'image/avif',
  gif: 'image/gif',
  heic: 'image/heic',
  tiff: 'image/tiff',
  svg: 'image/svg+xml',
};
/** Formats that a browser would run. */
const ACTIVE_FORMATS: ReadonlySet<string> = new Set(['svg']);
const EXPOSED =
  'etag, content-length, content-range, accept-ranges, ratelimit, ratelimit-policy, retry-after, x-request-id, server-timing, x-safelight-cost-ms, x-safelight-degraded';

/**
 * Sends an object with its tag, whole or in part, or only its headers when the client has it: then nothing of it is
 * read. Small objects come from memory or go there, the others are streamed.
 * @throws ObjectMissingError when the store has it no more.
 */
export async function sendObject(
  context: HttpContext,
  request: FastifyRequest,
  reply: FastifyReply,
  found: Found,
  { access, ...caching }: Caching & { readonly access: Access },
): Promise<FastifyReply> {
  const { object } = found;
  // Every way to these bytes was closed already: this is the last of them.
  invariant(!object.isPrivate || opens(access, object.imageId), 'a private image is shown to whom it was opened');
  request.billedTo = object.tenantId;
  const etag = `"${Buffer.from(object.sha256).toString('base64url')}"`;
  reply.headers({
    etag,
    'cache-control': found.isStandIn ? 'no-store' : cachingOf(object, access, caching),
    'accept-ranges': 'bytes',
    'x-content-type-options': 'nosniff',
    'content-security-policy': "default-src 'none'; sandbox",
    'cross-origin-resource-policy': 'cross-origin',
    'access-control-expose-headers': EXPOSED,
    // Without it a page of another origin sees no Server-Timing.
    'timing-allow-origin': '*',
    // By these a CDN is told what to drop: Fastly and Varnish read the first, Cloudflare the second.
    'surrogate-key': `${object.tenantId} ${object.imageId}`,
    'cache-tag': `${object.tenantId},${object.imageId}`,
    'x-safelight-cost-ms': found.waitMs > 0 ? object.renderMs : 0,
  });
  const end = (foundIn: FoundIn) => {
    context.metrics.deliveries.inc({ found: foundIn });
    reply.header('server-timing', serverTiming(foundIn, found.waitMs, reply.elapsedTime));
  };
  if (matchesTag(request.headers['if-none-match'], etag)) {
    end(found.foundIn);
    return reply.code(304).send();
  }
  reply.type(CONTENT_TYPES[object.format] ?? 'application/octet-stream');
  if (object.isUploaded && !reply.hasHeader('content-disposition')) {
    reply.header('content-disposition', disposition(object));
  }
  const ifRange = request.headers['if-range'];
  const range = ifRange === undefined || ifRange === etag ? readRange(request.headers.range, object.bytes) : 'whole';
  if (range === 'unsatisfiable') {
    throw new ProblemError('range_not_satisfiable', {
      bound: { name: 'bytes', limit: object.bytes },
      headers: { 'content-range': `bytes */${object.bytes}` },
    });
  }
  const length = range === 'whole' ? object.bytes : range.last - range.first + 1;
  reply.header('content-length', length);
  if (range !== 'whole') reply.code(206).header('content-range', `bytes ${range.first}-${range.last}/${object.bytes}`);
  if (request.method === 'HEAD') {
    end(found.foundIn);
    return reply.send();
  }
  const held = context.objects.get(object.objectKey);
  const body = held ? cut(held, range) : await readBody(context, object, range, length);
  end(held && found.foundIn === 'facts' ? 'memory' : found.foundIn);
  context.metrics.deliveredBytes.inc(length);
  endWhenUnread(reply.raw);
  const pace = request.paces?.bytesOut;
  return reply.send(pace ? pacedBy(new Paced(pace, context.clock), streamOf(body)) : body);
}

function streamOf(body: Buffer | Readable): Readable {
  return Buffer.isBuffer(body) ? Readable.from([body], { objectMode: false }) : body;
}

/** What not everybody may see is kept by no shared cache, nor by any other for longer than it may be seen. */
function cachingOf(object: Deliverable, access: Access, caching: Caching): string {
  if (!object.isPrivate && caching.scope === 'public') return cacheControl(caching);
  const left = [caching.leftMs, accessLeftMs(access)].filter((ms) => ms !== undefined);
  return cacheControl({ ...caching, scope: 'private', leftMs: left.length > 0 ? Math.min(...left) : undefined });
}

async function readBody(
  { objects, store }: HttpContext,
  object: Deliverable,
  range: ByteRange | 'whole',
  length: number,
) {
  if (objects.takes(object)) return cut(await objects.read(object), range);
  const { bytes, stream } = await store.read(object.objectKey, range === 'whole' ? undefined : range);
  if (bytes === length) return stream;
  stream.destroy();
  throw lengthError(object.objectKey, bytes, length);
}

function cut(bytes: Buffer, range: ByteRange | 'whole'): Buffer {
  return range === 'whole' ? bytes : bytes.subarray(range.first, range.last + 1);
}

function disposition({ format, filename }: Deliverable): string {
  const kind = ACTIVE_FORMATS.has(format) ? 'attachment' : 'inline';
  return filename === undefined ? kind : `${kind}; filename*=UTF-8''${encodeRfc8187(filename)}`;
}

/** The Content-Disposition by which a browser saves the picture under that name. */
export function attachment(filename: string): string {
  return `attachment; filename*=UTF-8''${encodeRfc8187(filename)}`;
}

function encodeRfc8187(text: string): string {
  return encodeURIComponent(text.toWellFormed()).replaceAll(
    /['()*]/g,
    (character) => `%${character.charCodeAt(0).toString(16).toUpperCase()}`,
  );
}
