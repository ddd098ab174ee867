import { z } from 'zod';
import { planLimitsSchema } from '../plans.ts';
import { KEY_ERRORS } from './key-errors.ts';
import { route } from './route.ts';

const seconds = z.int().describe('Until the period ends, in UTC by the clock of the database.');

const limitsSchema = z
  .object({
    plan: z.string(),
    limits: planLimitsSchema,
    requests: z
      .object({
        remaining: z.int().describe('That this node would answer at once.'),
        resetSeconds: z.int().describe('Until there are as many as can be.'),
      })
      .nullable()
      .describe('null: the plan has no rate of requests.'),
    storedBytes: z.int().describe('Now, with what is not yet metered.'),
    rendersOfDay: z.int(),
    rendersOwed: z.int().describe('Ordered and not yet made; counted with those of the day.'),
    dayLeftSeconds: seconds,
    renderSecondsOfMonth: z.number().describe('CPU seconds of workers.'),
    bytesOutOfMonth: z.int(),
    monthLeftSeconds: seconds,
  })
  .meta({ id: 'Limits' });

export const getLimits = route({
  id: 'getLimits',
  method: 'GET',
  path: '/v1/limits',
  summary: 'What the plan of the tenant allows, and how much of it is used.',
  scope: 'usage:read',
  responses: { 200: limitsSchema },
  errors: [...KEY_ERRORS, 'database_unavailable'],
});

export type Limits = z.infer<typeof limitsSchema>;
