import { type IncomingMessage, STATUS_CODES } from 'node:http';
import type { Socket } from 'node:net';
import { Readable } from 'node:stream';
import type { FastifyReply, FastifyRequest } from 'fastify';
import { ProblemError } from './problem.ts';

const MEDIA_TYPE = 'application/problem+json';
const OF_THE_PICTURE = ['etag', 'accept-ranges', 'content-disposition', 'content-range'] as const;
/** As long as nginx does (lingering_timeout). */
const LINGER_MS_MAX = 5_000;

/** Answers a problem of the catalogue. */
export function answerProblem(request: FastifyRequest, reply: FastifyReply, problem: ProblemError): FastifyReply {
  // What was said already of a picture that will not come.
  for (const name of OF_THE_PICTURE) reply.removeHeader(name);
  const body = Buffer.from(JSON.stringify(problem.body(request.id)));
  reply
    .code(problem.status)
    .headers(problem.headers())
    .header('x-request-id', request.id)
    .type(MEDIA_TYPE)
    .header('content-length', body.length);
  if (request.raw.complete) return reply.send(body);
  // What is left of a body that was refused is of no use: the connection ends with the answer.
  return reply.header('connection', 'close').send(Readable.from(lingering(body, request.raw)));
}

/**
 * The answer, whole and at once; its end only when the client has stopped sending, for to close a connection with
 * unread bytes resets it, and the client loses an answer that it has not yet read (RFC 9112, 9.6).
 */
async function* lingering(body: Buffer, message: IncomingMessage): AsyncGenerator<Buffer> {
  yield body;
  const { promise, resolve } = Promise.withResolvers<void>();
  const timer = setTimeout(resolve, LINGER_MS_MAX);
  message.once('end', resolve).once('close', resolve).once('error', resolve);
  if (message.complete || message.destroyed) resolve();
  message.resume();
  await promise;
  clearTimeout(timer);
}

const UNREADABLE: Readonly<Record<string, string>> = {
  HPE_HEADER_OVERFLOW: 'The headers of the request are too long.',
};
/** Retryable: when this process itself stood still, such as on a suspended machine, the client was not slow at all. */
const UNREAD = () => new ProblemError('overloaded', { detail: 'The headers of the request did not come in time.' });

/** Answers what Node's parser could not read as a request, and ends the connection. */
export function answerUnreadable(error: NodeJS.ErrnoException, socket: Socket, requestId: string): void {
  if (error.code !== 'ECONNRESET' && socket.writable) {
    const detail = UNREADABLE[error.code ?? ''] ?? 'The request is not HTTP as it should be.';
    const isLate = error.code === 'ERR_HTTP_REQUEST_TIMEOUT';
    const problem = isLate ? UNREAD() : new ProblemError('request_invalid', { detail });
    const body = JSON.stringify(problem.body(requestId));
    const headers = {
      ...problem.headers(),
      'content-type': MEDIA_TYPE,
      'content-length': Buffer.byteLength(body),
      'x-request-id': requestId,
      connection: 'close',
    };
    const lines = Object.entries(headers).map(([name, value]) => `${name}: ${value}\r\n`);
    socket.write(`HTTP/1.1 ${problem.status} ${STATUS_CODES[problem.status]}\r\n${lines.join('')}\r\n${body}`);
  }
  socket.destroySoon();
}
