import { z } from 'zod';
import { SCALING_BOUNDS, SCALING_REASONS, type ScalingBound, type ScalingReason } from '../scaling.ts';
import { readHeaders } from './reads.ts';
import { route } from './route.ts';

const PAGE_DECISIONS_MAX = 500;

const byLane = z.object({ live: z.number(), normal: z.number(), batch: z.number() });
const orForever = z.number().nullable();

const observationsSchema = z
  .object({
    workSecondsQueued: byLane.describe('Predicted CPU seconds of the jobs that wait.'),
    jobsQueued: z.int(),
    waitSecondsOldest: byLane.describe('The longest wait so far.'),
    workSecondsArriving: z.number().describe('CPU seconds asked for per second, over about the last minute.'),
    workSecondsArrivingBatch: z.number().optional().describe('Of it, what came into `batch`.'),
    workSecondsPerSecond: z.number().describe('Of that work, what a busy worker really does per second.'),
    workersReady: z.int(),
    workersStarting: z.int(),
    workersDraining: z.int(),
    busyShare: z.number().describe('Of the ready workers, from 0 to 1; the policy does not look at it.'),
    startSeconds: z.number().describe('From the order of a worker to its first claim.'),
    costPerWorkerHour: z.number(),
    databaseConnectionsUsed: z.int(),
    databaseConnectionsMax: z.int(),
    connectionsPerWorker: z.number(),
    claimsPerWorker: z
      .number()
      .optional()
      .describe('Claims per second that the upkeep of a worker takes of the queue.'),
    secondsSinceUp: orForever.describe('Since more workers were asked for; null: never.'),
    secondsSinceDown: orForever.describe('Since fewer were asked for; null: never.'),
  })
  .meta({ id: 'ScalingObservations' });

const policySchema = z
  .object({
    workersMin: z.int(),
    workersMax: z.int(),
    waitSecondsObjective: byLane.describe('How long a job of each lane may wait.'),
    costPerHourMax: orForever.describe('null: no ceiling.'),
    databaseConnectionsReserved: z.int(),
    claimsPerSecondMax: orForever.optional().describe('Jobs that the database can hand out; null: no bound.'),
    busyShareMax: z.number(),
    busyShareAfterDown: z.number(),
    coolDownSeconds: z.number(),
    downEverySeconds: z.number(),
    downShareMax: z.number(),
  })
  .meta({ id: 'ScalingPolicy' });

const decisionSchema = z
  .object({
    id: z.int(),
    at: z.iso.datetime(),
    node: z.string().describe('Which node led.'),
    workersBefore: z.int().describe('Ready and starting when it was made.'),
    workers: z.int().describe('How many should be.'),
    workersNeeded: z.int().describe('What the signal alone asked for, before slowness and bounds.'),
    reason: z.enum(Object.keys(SCALING_REASONS) as [ScalingReason, ...ScalingReason[]]),
    cutBy: z
      .array(z.enum(Object.keys(SCALING_BOUNDS) as [ScalingBound, ...ScalingBound[]]))
      .describe('Bounds below what was wanted, the tightest first.'),
    drainSeconds: orForever.describe(
      'Until the ready workers have done what waits in `live` and `normal`; null: never.',
    ),
    failure: z.string().optional().describe('Why the pool of machines did not take the order.'),
    observations: observationsSchema,
  })
  .meta({ id: 'ScalingDecision' });

const scalingSchema = z
  .object({
    leader: z.string().optional().describe('The node that decides; absent while none does.'),
    pool: z.string().optional().describe('Whose machines it orders: none, processes or kubernetes.'),
    policy: policySchema.optional(),
    decisions: z.array(decisionSchema).describe('The newest first.'),
    next: z.string().optional().describe('Cursor of the next page.'),
  })
  .meta({ id: 'Scaling' });

const metricSchema = z
  .object({
    workers: z.int().describe('How many should be: the number for an autoscaler outside.'),
    workersReady: z.int(),
    backlogSeconds: z.number().describe('Predicted CPU seconds of everything that waits.'),
    drainSeconds: orForever,
    reason: z.string(),
    ageSeconds: z.number().describe('Since the decision; an older one than 60 s is not told.'),
  })
  .meta({ id: 'ScalingMetric' });

const ADMIN_ERRORS = ['key_missing', 'key_invalid', 'scope_missing', 'database_unavailable'] as const;

export const getScaling = route({
  id: 'getScaling',
  method: 'GET',
  path: '/v1/admin/scaling',
  summary: 'What the autoscaler decided, on what it saw and why; the policy, and who decides.',
  scope: 'admin',
  headers: readHeaders,
  query: z.object({
    limit: z.coerce.number().int().min(1).max(PAGE_DECISIONS_MAX).default(50),
    before: z
      .string()
      .regex(/^\d{1,15}$/, 'is no cursor of this list')
      .optional()
      .describe('The cursor `next` of the page before.'),
    changes: z.enum(['true', 'false']).default('false').describe('Only decisions that changed the size of the fleet.'),
  }),
  responses: { 200: scalingSchema },
  errors: [...ADMIN_ERRORS, 'request_invalid'],
});

export const getScalingMetric = route({
  id: 'getScalingMetric',
  method: 'GET',
  path: '/v1/admin/scaling/metric',
  summary: 'The last decision as numbers, for an autoscaler outside such as KEDA’s `metrics-api` scaler.',
  scope: 'admin',
  responses: { 200: metricSchema },
  errors: [...ADMIN_ERRORS, 'scaling_unknown'],
});

export type Scaling = z.infer<typeof scalingSchema>;
export type ScalingMetric = z.infer<typeof metricSchema>;
