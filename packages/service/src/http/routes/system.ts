import type { readinessSchema } from '@safelight/contract';
import type { FastifyReply, FastifyRequest } from 'fastify';
import type { z } from 'zod';
import type { HttpContext } from '../context.ts';

/** Health, readiness and metrics. */
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
      const { registry, waiters, workers, deliveryCacheBytes, databaseWaiting } = context.metrics;
      // The look behind readiness sets the figures of the queue.
      await context.readiness();
      waiters.set(context.waiters.count);
      databaseWaiting.set(context.database.counts().waiting);
      for (const [state, count] of Object.entries(context.workers() ?? {})) workers.set({ state }, count);
      deliveryCacheBytes.set(context.objects.size);
      return reply.type(registry.contentType).send(await registry.metrics());
    },
  };
}
