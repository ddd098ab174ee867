import { z } from 'zod';
import { BODY_ERRORS, KEY_ERRORS } from './key-errors.ts';
import { route } from './route.ts';

const RANGE_DAYS_MAX = 400;
const PAGE_EVENTS_MAX = 1_000;
const DAY_MS = 86_400_000;

const time = z.iso
  .datetime({ offset: true })
  .refine((text) => !text.startsWith('0000'), 'must lie in the year 1 or later');
const micros = z.int().describe('In millionths of the currency’s unit.');

const quantities = {
  requests: z.int().describe('That were answered with less than 400.'),
  bytesIn: z.int().describe('On the connections of those, headers included.'),
  bytesOut: z.int(),
  storedByteHours: z.int().describe('Bytes stored, each times the hours for which it was.'),
  renders: z.int().describe('Renditions made; each is charged once, however often it had to be tried.'),
  renderSeconds: z.number().describe('CPU seconds of workers.'),
  megapixels: z.number().describe('Of renditions made, all frames.'),
};

const usageRowSchema = z
  .object({
    from: z.iso.datetime(),
    to: z.iso.datetime().describe('Its end, also where that lies ahead.'),
    ...quantities,
    costMicros: micros,
  })
  .meta({ id: 'UsageRow' });

const usageSchema = z
  .object({
    from: z.iso.datetime(),
    to: z.iso.datetime(),
    by: z.enum(['hour', 'day']),
    currency: z.string(),
    rows: z.array(usageRowSchema),
    total: z.object({ ...quantities, costMicros: micros }),
    month: z
      .object({
        from: z.iso.datetime(),
        to: z.iso.datetime(),
        costMicros: micros.describe('So far, in millionths of the currency’s unit.'),
        forecastMicros: micros.describe(
          'Of the whole month: what it has cost, requests, bytes and renders on at the mean rate of the last seven days ' +
            '(or since the first use, if that is shorter), and what is stored now on to its end.',
        ),
        forecastOverSeconds: z.int().describe('The time whose rate the forecast goes on with.'),
        storedBytes: z.int().describe('Now.'),
      })
      .describe('The calendar month under way, in UTC by the clock of the database.'),
  })
  .meta({ id: 'Usage' });

export const getUsage = route({
  id: 'getUsage',
  method: 'GET',
  path: '/v1/usage',
  summary: 'What the tenant has used by the hour or the day, what it cost, and what the month will have cost.',
  scope: 'usage:read',
  query: z
    .object({
      from: time.optional().describe('Widened to full hours; absent: the beginning of the month.'),
      to: time.optional().describe('Absent: now.'),
      by: z.enum(['hour', 'day']).default('day'),
      format: z.enum(['json', 'csv']).default('json'),
    })
    .refine(
      ({ from, to }) =>
        from === undefined || to === undefined || Date.parse(to) - Date.parse(from) <= RANGE_DAYS_MAX * DAY_MS,
      { message: `spans at most ${RANGE_DAYS_MAX} days`, path: ['to'] },
    ),
  responses: { 200: usageSchema },
  errors: [...KEY_ERRORS, 'request_invalid', 'database_unavailable'],
});

const usageEventSchema = z
  .object({
    specversion: z.literal('1.0'),
    id: z.string().describe('The same for the same hour, however often it is read.'),
    source: z.string(),
    type: z.string(),
    subject: z.string().describe('The tenant.'),
    time: z.iso.datetime().describe('When the hour began.'),
    datacontenttype: z.literal('application/json'),
    data: z.object(quantities),
  })
  .meta({ id: 'UsageEvent', description: 'A CloudEvent 1.0 as OpenMeter takes it.' });

const usageEventPageSchema = z
  .object({ events: z.array(usageEventSchema), next: z.string().optional().describe('Cursor of the next page.') })
  .meta({ id: 'UsageEventPage' });

export const listUsageEvents = route({
  id: 'listUsageEvents',
  method: 'GET',
  path: '/v1/usage/events',
  summary: 'Usage as CloudEvents in OpenMeter’s shape: one for each hour to which nothing comes any more.',
  scope: 'usage:read',
  query: z.object({
    after: time.optional().describe('The cursor `next` of the page before, or the time of the last event read.'),
    limit: z.coerce.number().int().min(1).max(PAGE_EVENTS_MAX).default(PAGE_EVENTS_MAX),
  }),
  responses: { 200: usageEventPageSchema },
  errors: [...KEY_ERRORS, 'request_invalid', 'database_unavailable'],
});

const bound = z.int().min(0).max(Number.MAX_SAFE_INTEGER).nullable();

const budgetSchema = z
  .object({
    currency: z.string(),
    softMicros: bound.describe('The alert: told as the event `budget.soft_reached`, once in a month.'),
    hardMicros: bound.describe('The stop: nothing is begun that would go over it.'),
    policy: z
      .enum(['serve_existing', 'cheaper', 'refuse'])
      .describe('The setting `onBudget` of the tenant: what happens to new renditions then.'),
    month: z.iso.datetime().optional().describe('The first moment of the calendar month under way, in UTC.'),
    meteredMicros: micros.describe('What the month has cost, with what is stored now reserved to its end.'),
    reservedMicros: micros.describe('Predicted cost of work that is ordered and not yet metered.'),
    standing: z.enum(['open', 'saving', 'exhausted']),
  })
  .meta({ id: 'Budget' });

const budgetBoundsSchema = z
  .strictObject({
    softMicros: bound.default(null).describe('Millionths of the currency’s unit per calendar month; null: no alert.'),
    hardMicros: bound.default(null).describe('The same; null: no stop.'),
  })
  .refine(({ softMicros: soft, hardMicros: hard }) => soft === null || hard === null || soft <= hard, {
    message: 'must not be above hardMicros',
    path: ['softMicros'],
  })
  .meta({ id: 'BudgetBounds' });

export const getBudget = route({
  id: 'getBudget',
  method: 'GET',
  path: '/v1/budget',
  summary: 'The ceiling of what the tenant may spend in a month, and how it stands to it.',
  scope: 'usage:read',
  responses: { 200: budgetSchema },
  errors: [...KEY_ERRORS, 'database_unavailable'],
});

export const putBudget = route({
  id: 'putBudget',
  method: 'PUT',
  path: '/v1/budget',
  summary: 'Sets both bounds of the budget; holds within five seconds on every node.',
  scope: 'budget:manage',
  body: budgetBoundsSchema,
  responses: { 200: budgetSchema },
  errors: [...KEY_ERRORS, ...BODY_ERRORS, 'database_unavailable'],
  event: 'budget.changed',
});

export type Usage = z.infer<typeof usageSchema>;
export type UsageEvent = z.infer<typeof usageEventSchema>;
export type UsageEventPage = z.infer<typeof usageEventPageSchema>;
export type Budget = z.infer<typeof budgetSchema>;
export type BudgetBounds = z.input<typeof budgetBoundsSchema>;
