import { z } from 'zod';
import { EVENTS, type EventType } from '../events.ts';
import { KEY_ERRORS } from './key-errors.ts';
import { route } from './route.ts';

const PAGE_EVENTS_MAX = 500;

/** PostgreSQL has no year 0. */
const timeSchema = z.iso.datetime().refine((time) => !time.startsWith('0000'), 'must lie in the year 1 or later');
const textSchema = z.string().min(1).max(64);

const filters = {
  type: z.enum(Object.keys(EVENTS) as [EventType, ...EventType[]]).optional(),
  actor: textSchema.optional().describe('Who did it: the id of a key or a person, `operator` or `system`.'),
  subject: textSchema.optional().describe('The id of what it is about.'),
  image: textSchema.optional().describe('The id of the image that it is about or belongs to.'),
  since: timeSchema.optional(),
  until: timeSchema.optional(),
};

const auditedEventSchema = z
  .object({
    position: z.int().describe('1, 2, 3 … in the log of the tenant, without gaps.'),
    id: z.string(),
    type: z.string(),
    at: z.iso.datetime(),
    actor: z.string(),
    subject: z.string(),
    imageId: z.string().optional(),
    data: z.record(z.string(), z.unknown()),
    personal: z
      .record(z.string(), z.unknown())
      .optional()
      .describe('Where the request came from, names of files: what erasure removes. Absent: nothing, or erased.'),
    hash: z.string().describe('Its link of the chain, hexadecimal.'),
  })
  .meta({ id: 'AuditedEvent' });

const auditPageSchema = z
  .object({
    events: z.array(auditedEventSchema),
    next: z.int().optional().describe('Cursor of the next page; a page may have fewer lines than asked for, or none.'),
  })
  .meta({ id: 'AuditPage' });

export const listAudit = route({
  id: 'listAudit',
  method: 'GET',
  path: '/v1/audit',
  summary: 'Who did what, when, from where and with which key: the sealed log of the tenant.',
  scope: 'audit:read',
  query: z.object({
    limit: z.coerce.number().int().min(1).max(PAGE_EVENTS_MAX).default(50),
    order: z.enum(['desc', 'asc']).default('desc').describe('The newest first, or the oldest.'),
    after: z.coerce
      .number()
      .int()
      .min(0)
      .max(Number.MAX_SAFE_INTEGER)
      .optional()
      .describe('The cursor `next` of the page before.'),
    ...filters,
  }),
  responses: { 200: auditPageSchema },
  errors: [...KEY_ERRORS, 'request_invalid', 'database_unavailable'],
});

export const exportAudit = route({
  id: 'exportAudit',
  method: 'GET',
  path: '/v1/audit/export',
  summary: 'All of it that fits, the oldest first, a line of JSON for each event.',
  scope: 'audit:read',
  query: z.object({
    after: z.coerce
      .number()
      .int()
      .min(0)
      .max(Number.MAX_SAFE_INTEGER)
      .default(0)
      .describe('A position to go on behind.'),
    ...filters,
  }),
  responses: { 200: ['application/x-ndjson'] },
  errors: [...KEY_ERRORS, 'request_invalid', 'database_unavailable'],
});

export type AuditedEvent = z.infer<typeof auditedEventSchema>;
export type AuditPage = z.infer<typeof auditPageSchema>;
export type AuditQuery = Omit<z.input<typeof listAudit.query>, 'limit' | 'after'> & {
  readonly limit?: number | undefined;
  readonly after?: number | undefined;
};
