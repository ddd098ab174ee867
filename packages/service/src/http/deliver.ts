import type { FastifyReply, FastifyRequest } from 'fastify';
import type { HttpContext } from './context.ts';
import type { Deliverable } from './deliverable.ts';
import { ProblemError } from './problem.ts';
import { matchesTag, readRange } from './ranges.ts';
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

/**
 * Sends an object with its tag, whole or in part, or only its headers when the client has it.
 * @throws ObjectMissingError when the store has it no more.
 */
export async function sendObject(
  context: HttpContext,
  request: FastifyRequest,
  reply: FastifyReply,
  object: Deliverable,
  cacheControl: string,
): Promise<FastifyReply> {
  const etag = `"${Buffer.from(object.sha256).toString('base64url')}"`;
  reply.headers({
    etag,
    'cache-control': cacheControl,
    'accept-ranges': 'bytes',
    'x-content-type-options': 'nosniff',
    'content-security-policy': "default-src 'none'; sandbox",
    'cross-origin-resource-policy': 'cross-origin',
    'access-control-expose-headers': 'etag, content-length, content-range, accept-ranges, x-request-id',
  });
  if (matchesTag(request.headers['if-none-match'], etag)) return reply.code(304).send();
  reply.type(CONTENT_TYPES[object.format] ?? 'application/octet-stream');
  if (object.isUploaded) reply.header('content-disposition', disposition(object));
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
  if (request.method === 'HEAD') return reply.send();
  const body = await context.store.read(object.objectKey, range === 'whole' ? undefined : range);
  if (body.bytes !== length) {
    // A client that was told another length would wait for the rest, or take a part for the whole.
    body.stream.destroy();
    throw new Error(`the object ${object.objectKey} has ${body.bytes} bytes where its row tells ${length}`);
  }
  context.metrics.deliveredBytes.inc(length);
  endWhenUnread(reply.raw);
  return reply.send(body.stream);
}

function disposition({ format, filename }: Deliverable): string {
  const kind = ACTIVE_FORMATS.has(format) ? 'attachment' : 'inline';
  return filename === undefined ? kind : `${kind}; filename*=UTF-8''${encodeRfc8187(filename)}`;
}

function encodeRfc8187(text: string): string {
  return encodeURIComponent(text.toWellFormed()).replaceAll(
    /['()*]/g,
    (character) => `%${character.charCodeAt(0).toString(16).toUpperCase()}`,
  );
}
