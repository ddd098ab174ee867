import type { FastifyReply, FastifyRequest } from 'fastify';
import { readEvents, type SealedEvent } from '../events/index.ts';
import type { HttpContext } from './context.ts';
import { endWhenUnread } from './unread.ts';
import { goneSignal } from './wait.ts';

const HEARTBEAT_MS = 15_000;
const LAST_EVENT = 'image.deleted';

/**
 * Streams the sealed events of an image as server-sent events (WHATWG HTML, 9.2). The id of each is its position in
 * the tenant's log, so Last-Event-ID resumes without a gap. The stream ends after the image's deletion: its last event.
 */
export async function followAsEvents(
  context: HttpContext,
  request: FastifyRequest,
  reply: FastifyReply,
  tenantId: string,
  imageId: string,
): Promise<FastifyReply> {
  const { events, log, streams } = context;
  const afterPosition = positionOf(request);
  const signal = AbortSignal.any([goneSignal(reply), context.closing]);
  const giveBack = streams.take(tenantId);
  reply.hijack();
  const { raw } = reply;
  raw.writeHead(200, {
    'content-type': 'text/event-stream; charset=utf-8',
    'cache-control': 'no-store',
    'x-accel-buffering': 'no',
    'x-request-id': request.id,
  });
  endWhenUnread(raw);
  raw.write(': open\n\n');
  const heartbeat = setInterval(() => raw.write(': here\n\n'), HEARTBEAT_MS);
  try {
    for await (const event of events.follow({ tenantId, imageId, afterPosition, signal })) {
      context.positions.unsettle(request);
      if (!raw.write(format(event))) await drained(raw, signal);
      if (event.type === LAST_EVENT) break;
    }
  } catch (error) {
    // The client reconnects with its last id and misses nothing.
    log.warn({ err: error, requestId: request.id }, 'an event stream ended');
  } finally {
    giveBack();
    clearInterval(heartbeat);
    raw.end();
  }
  return reply;
}

/** Whether the client says by Last-Event-ID that it has seen a deleted image's last event. */
export async function isDeletionTold(
  { database }: HttpContext,
  request: FastifyRequest,
  tenantId: string,
  imageId: string,
): Promise<boolean> {
  const range = { tenantId, imageId, afterPosition: 0, upToPosition: positionOf(request) };
  const seen = await database.asTenant(tenantId, (tx) => readEvents(tx, range));
  return seen.some((event) => event.type === LAST_EVENT);
}

function positionOf(request: FastifyRequest): number {
  return Number(request.headers['last-event-id'] ?? 0);
}

function format(event: SealedEvent): string {
  const { type, subject, imageId, at, data, position } = event;
  const told = JSON.stringify({ type, subject, imageId, at: at.toISOString(), data });
  return `id: ${position}\nevent: ${type}\ndata: ${told}\n\n`;
}

async function drained(raw: FastifyReply['raw'], signal: AbortSignal): Promise<void> {
  if (signal.aborted) return;
  const { promise, resolve } = Promise.withResolvers<void>();
  const done = () => resolve();
  raw.once('drain', done);
  signal.addEventListener('abort', done, { once: true });
  await promise;
  raw.off('drain', done);
  signal.removeEventListener('abort', done);
}
