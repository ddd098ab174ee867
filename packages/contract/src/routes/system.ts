import { z } from 'zod';
import { route } from './route.ts';

const checkSchema = z.object({ ok: z.boolean(), detail: z.string().optional() });

export const healthSchema = z.object({ status: z.literal('alive'), uptimeSeconds: z.number() }).meta({ id: 'Health' });

export const readinessSchema = z
  .object({
    status: z.enum(['ready', 'not_ready']),
    checks: z.record(z.string(), checkSchema),
  })
  .meta({ id: 'Readiness' });

export const health = route({
  id: 'health',
  method: 'GET',
  path: '/healthz',
  summary: 'Whether the process lives; asks nothing else.',
  scope: undefined,
  responses: { 200: healthSchema },
  errors: [],
});

export const readiness = route({
  id: 'readiness',
  method: 'GET',
  path: '/readyz',
  summary: 'Whether this node can serve: database, object store, workers and the age of the queue.',
  scope: undefined,
  responses: { 200: readinessSchema, 503: readinessSchema },
  errors: [],
});

export const metrics = route({
  id: 'metrics',
  method: 'GET',
  path: '/metrics',
  summary: 'Metrics in the text format of Prometheus.',
  scope: undefined,
  responses: { 200: ['text/plain'] },
  errors: [],
});
