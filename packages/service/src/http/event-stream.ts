import type { FastifyReply, FastifyRequest } from 'fastify';
import type { SealedEvent } from '../events/index.ts';
import type { HttpContext } from './context.ts';
import { ProblemError } from './problem.ts';
import { goneSignal } from './wait.ts';

const STREAMS_MAX = 1_000;
const HEARTBEAT_MS = 15_000;

/**
 * Streams the sealed events of an image as server-sent events (WHATWG HTML, 9.2). The id of each is its position in
 * the tenant's log, so Last-Event-ID resumes without a gap.
 */
export async function followAsEvents(
  context: HttpContext,
  request: FastifyRequest,
  reply: FastifyReply,
  tenantId: string,
  imageId: string,
): Promise<FastifyReply> {
  const { events, log } = context;
  if (events.counts().followers >= STREAMS_MAX) {
    throw new ProblemError('overloaded', { bound: { name: 'eventStreamsMax', limit: STREAMS_MAX } });
  }
  const afterPosition = Number(request.headers['last-event-id'] ?? 0);
  const signal = AbortSignal.any([goneSignal(reply), context.closing]);
  reply.hijack();
  const { raw } = reply;
  raw.writeHead(200, {
    'content-type': 'text/event-stream; charset=utf-8',
    'cache-control': 'no-store',
    'x-accel-buffering': 'no',
    'x-request-id': request.id,
  });
  raw.write(': open\n\n');
  const heartbeat = setInterval(() => raw.write(': here\n\n'), HEARTBEAT_MS);
  try {
    for await (const event of events.follow({ tenantId, imageId, afterPosition, signal })) {
      if (!raw.write(format(event))) await drained(raw, signal);
    }
  } catch (error) {
    // The client reconnects with its last id and misses nothing.
    log.warn({ err: error, requestId: request.id }, 'an event stream ended');
  } finally {
    clearInterval(heartbeat);
    raw.end();
  }
  return reply;
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
