import { z } from 'zod';
import { EVENTS, type EventType } from '../events.ts';
import { BODY_ERRORS, KEY_ERRORS } from './key-errors.ts';
import { route } from './route.ts';

const URL_CHARACTERS_MAX = 2_000;
const DESCRIPTION_CHARACTERS_MAX = 255;
const PAGE_DELIVERIES_MAX = 200;
const DAY_SECONDS = 24 * 60 * 60;
const OVERLAP_SECONDS_MAX = 7 * DAY_SECONDS;

const eventTypeSchema = z.enum(Object.keys(EVENTS) as [EventType, ...EventType[]]);
const eventTypesSchema = z
  .array(eventTypeSchema)
  .min(1)
  .transform((types) => [...new Set(types)]);
const urlSchema = z
  .url({ protocol: /^https?$/ })
  .max(URL_CHARACTERS_MAX)
  .describe('Takes POST; https, unless the operator opened a network of his own.');

const webhookSchema = z
  .object({
    id: z.string(),
    url: z.string(),
    description: z.string(),
    eventTypes: z.array(eventTypeSchema).optional().describe('Absent: all.'),
    state: z.enum(['enabled', 'disabled']),
    disabledCause: z.string().optional(),
    failingSince: z.iso.datetime().optional().describe('The first failure after the last success.'),
    createdAt: z.iso.datetime(),
  })
  .meta({ id: 'Webhook' });

const newWebhookSchema = webhookSchema
  .extend({
    secret: z.string().describe('Verifies what arrives: `whsec_…`, as libraries of Standard Webhooks take it.'),
  })
  .meta({ id: 'NewWebhook' });

const deliverySchema = z
  .object({
    eventId: z.string().describe('The `webhook-id` of the message, the same at each attempt.'),
    position: z.int().describe('Where the event stands in the log of the tenant.'),
    type: eventTypeSchema,
    state: z.enum(['pending', 'delivered', 'failed']),
    attempts: z.int(),
    nextAt: z.iso.datetime().optional().describe('When it is tried next; only while pending.'),
    status: z.int().optional().describe('Of the answer to the last attempt.'),
    error: z.string().optional().describe('Why the last attempt failed.'),
    tookMs: z.int().optional(),
    attemptedAt: z.iso.datetime().optional(),
    createdAt: z.iso.datetime(),
  })
  .meta({ id: 'WebhookDelivery' });

const params = z.object({ id: z.string().max(64) });
const COMMON_ERRORS = [...KEY_ERRORS, 'request_invalid', 'database_unavailable'] as const;
const ONE_ERRORS = [...COMMON_ERRORS, 'webhook_not_found'] as const;
const scope = 'webhooks:manage';

export const createWebhook = route({
  id: 'createWebhook',
  method: 'POST',
  path: '/v1/webhooks',
  summary: 'Be told what happens from now on, at least once, by POST; the secret that signs is shown this once.',
  scope,
  body: z.strictObject({
    url: urlSchema,
    description: z.string().trim().max(DESCRIPTION_CHARACTERS_MAX).default(''),
    eventTypes: eventTypesSchema.optional().describe('Absent: all.'),
  }),
  responses: { 201: newWebhookSchema },
  errors: [...KEY_ERRORS, ...BODY_ERRORS, 'feature_not_in_plan', 'limit_reached', 'database_unavailable'],
  event: 'webhook.created',
});

export const listWebhooks = route({
  id: 'listWebhooks',
  method: 'GET',
  path: '/v1/webhooks',
  summary: 'The webhooks of the tenant, in the order in which they were made.',
  scope,
  responses: { 200: z.object({ webhooks: z.array(webhookSchema) }).meta({ id: 'WebhookList' }) },
  errors: COMMON_ERRORS,
});

export const getWebhook = route({
  id: 'getWebhook',
  method: 'GET',
  path: '/v1/webhooks/{id}',
  summary: 'One webhook.',
  scope,
  params,
  responses: { 200: webhookSchema },
  errors: ONE_ERRORS,
});

export const changeWebhook = route({
  id: 'changeWebhook',
  method: 'PATCH',
  path: '/v1/webhooks/{id}',
  summary: 'Change a webhook. What happens while it is disabled is not queued; `redeliver` makes up for it.',
  scope,
  params,
  body: z
    .strictObject({
      url: urlSchema.optional(),
      description: z.string().trim().max(DESCRIPTION_CHARACTERS_MAX).optional(),
      eventTypes: eventTypesSchema.nullable().optional().describe('null: all.'),
      state: z.enum(['enabled', 'disabled']).optional(),
    })
    .refine((change) => Object.keys(change).length > 0, 'changes nothing'),
  responses: { 200: webhookSchema },
  errors: [...KEY_ERRORS, ...BODY_ERRORS, 'webhook_not_found', 'database_unavailable'],
  event: 'webhook.changed',
});

export const removeWebhook = route({
  id: 'removeWebhook',
  method: 'DELETE',
  path: '/v1/webhooks/{id}',
  summary: 'Remove a webhook with its log; messages that are on their way may still arrive.',
  scope,
  params,
  responses: { 200: z.object({ id: z.string() }).meta({ id: 'RemovedWebhook' }) },
  errors: ONE_ERRORS,
  event: 'webhook.removed',
});

export const rotateWebhookSecret = route({
  id: 'rotateWebhookSecret',
  method: 'POST',
  path: '/v1/webhooks/{id}/rotate',
  summary: 'Give a webhook a new secret; messages carry signatures by both for as long as it is told.',
  scope,
  params,
  body: z.strictObject({ overlapSeconds: z.int().min(0).max(OVERLAP_SECONDS_MAX).default(DAY_SECONDS) }),
  responses: {
    200: z
      .object({ id: z.string(), secret: z.string(), previousUntil: z.iso.datetime() })
      .meta({ id: 'RotatedWebhookSecret' }),
  },
  errors: [...KEY_ERRORS, ...BODY_ERRORS, 'webhook_not_found', 'database_unavailable'],
  event: 'webhook.secret_rotated',
});

export const testWebhook = route({
  id: 'testWebhook',
  method: 'POST',
  path: '/v1/webhooks/{id}/test',
  summary: 'Have a message of the type `webhook.tested` sent to this webhook alone.',
  scope,
  params,
  responses: { 202: z.object({ id: z.string() }).meta({ id: 'TestedWebhook' }) },
  errors: ONE_ERRORS,
  event: 'webhook.tested',
});

export const listWebhookDeliveries = route({
  id: 'listWebhookDeliveries',
  method: 'GET',
  path: '/v1/webhooks/{id}/deliveries',
  summary: 'What a webhook was sent in the last 30 days and what became of it, the newest event first.',
  scope,
  params,
  query: z.object({
    limit: z.coerce.number().int().min(1).max(PAGE_DELIVERIES_MAX).default(50),
    after: z.coerce
      .number()
      .int()
      .min(1)
      .max(Number.MAX_SAFE_INTEGER)
      .optional()
      .describe('The cursor `next` of the page before.'),
    state: z.enum(['pending', 'delivered', 'failed']).optional(),
  }),
  responses: {
    200: z
      .object({ deliveries: z.array(deliverySchema), next: z.int().optional().describe('Cursor of the next page.') })
      .meta({ id: 'WebhookDeliveryPage' }),
  },
  errors: ONE_ERRORS,
});

export const redeliverWebhook = route({
  id: 'redeliverWebhook',
  method: 'POST',
  path: '/v1/webhooks/{id}/redeliver',
  summary: 'Send one message again, or all since a time that were given up or never queued (the oldest 10,000).',
  scope,
  params,
  body: z
    .strictObject({ eventId: z.string().max(64).optional(), since: z.iso.datetime().optional() })
    .refine(({ eventId, since }) => (eventId === undefined) !== (since === undefined), 'takes either eventId or since'),
  responses: { 202: z.object({ queued: z.int() }).meta({ id: 'Redelivery' }) },
  errors: [...KEY_ERRORS, ...BODY_ERRORS, 'webhook_not_found', 'delivery_not_found', 'database_unavailable'],
});

export type Webhook = z.infer<typeof webhookSchema>;
export type NewWebhook = z.infer<typeof newWebhookSchema>;
export type WebhookDelivery = z.infer<typeof deliverySchema>;
export type WebhookDeliveryPage = z.infer<(typeof listWebhookDeliveries)['responses'][200]>;
export type WebhookWish = z.input<typeof createWebhook.body>;
export type WebhookChange = z.input<typeof changeWebhook.body>;
export type RotatedWebhookSecret = z.infer<(typeof rotateWebhookSecret)['responses'][200]>;
