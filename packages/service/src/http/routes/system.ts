import type { readinessSchema } from '@safelight/contract';
import type { FastifyReply, FastifyRequest } from 'fastify';
import type { z } from 'zod';
import type { HttpContext } from '../context.ts';
import { ProblemError } from '../problem.ts';

/** Health, readiness, metrics, and the session of the loopback page. */
export function systemHandlers(context: HttpContext) {
  const startedAt = context.clock.monotonic();
  return {
    health: () => ({ status: 'alive', uptimeSeconds: Math.round((context.clock.monotonic() - startedAt) / 1000) }),
    readiness: async (_request: FastifyRequest, reply: FastifyReply) => {
      const checks = await context.readiness();
      const ready = !context.draining.aborted && Object.values(checks).every((check) => check.ok);
      const body: z.infer<typeof readinessSchema> = { status: ready ? 'ready' : 'not_ready', checks };
      if (!ready) reply.header('retry-after', '1');
      return reply
        .code(ready ? 200 : 503)
        .header('cache-control', 'no-store')
        .send(body);
    },
    metrics: async (_request: FastifyRequest, reply: FastifyReply) => {
      const { registry, waiters, deliveryCacheBytes } = context.metrics;
      // The look behind readiness sets the figures of the queue.
      await context.readiness();
      waiters.set(context.waiters.count);
      deliveryCacheBytes.set(context.objects.size);
      return reply.type(registry.contentType).send(await registry.metrics());
    },
    session: async (request: FastifyRequest, reply: FastifyReply) => {
      const { session, version, limits } = context;
      if (session.tenant === undefined) {
        throw new ProblemError('route_not_found', { detail: 'No tenant is public here.' });
      }
      session.guard(request);
      session.open(reply);
      const { uploadBytesMax, pixelsMax } = limits;
      return reply
        .header('cache-control', 'no-store')
        .send({ tenant: session.tenant, version, uploadBytesMax, pixelsMax });
    },
  };
}
