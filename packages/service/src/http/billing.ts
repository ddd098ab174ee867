import type { Socket } from 'node:net';
import type { FastifyInstance } from 'fastify';
import type { NodeCounts } from '../usage/index.ts';

declare module 'fastify' {
  interface FastifyRequest {
    /** The tenant that pays for the request, once it is known. */
    billedTo: string | null;
  }
}

/** What a connection had carried when its last answer ended. */
interface Carried {
  bytesIn: number;
  bytesOut: number;
}

/**
 * Counts what is answered by the tenant that pays. Bytes are those of the connection since its last answer, headers
 * included, so that nothing of a request has to be added up; of an answer that was broken off, what had been written.
 * What was refused costs nothing.
 */
export function registerBilling(app: FastifyInstance, counts: Pick<NodeCounts, 'add'>): void {
  const carried = new WeakMap<Socket, Carried>();
  app.decorateRequest('billedTo', null);
  app.addHook('onResponse', (request, reply, done) => {
    const { socket } = request.raw;
    const { bytesRead = 0, bytesWritten = 0 } = socket;
    let before = carried.get(socket);
    if (!before) {
      before = { bytesIn: 0, bytesOut: 0 };
      carried.set(socket, before);
    }
    if (request.billedTo !== null && reply.statusCode < 400) {
      counts.add(request.billedTo, bytesRead - before.bytesIn, bytesWritten - before.bytesOut);
    }
    before.bytesIn = bytesRead;
    before.bytesOut = bytesWritten;
    done();
  });
}
