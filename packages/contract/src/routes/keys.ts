import { z } from 'zod';
import { SCOPES, type Scope } from '../scopes.ts';
import { BODY_ERRORS, KEY_ERRORS } from './key-errors.ts';
import { route } from './route.ts';

const PAGE_KEYS_MAX = 200;
const KEY_NAME_CHARACTERS_MAX = 100;
const DAY_SECONDS = 24 * 60 * 60;
const KEY_SECONDS_MAX = 3_650 * DAY_SECONDS;
const OVERLAP_SECONDS_MAX = 30 * DAY_SECONDS;
const OVERLAP_SECONDS = DAY_SECONDS;

const scopeSchema = z.enum(Object.keys(SCOPES) as [Scope, ...Scope[]]);

export const keySchema = z
  .object({
    id: z.string(),
    name: z.string(),
    scopes: z.array(scopeSchema),
    state: z.enum(['live', 'expired', 'revoked']),
    createdAt: z.iso.datetime(),
    createdBy: z.string().optional().describe('The key or person that made it.'),
    expiresAt: z.iso.datetime().optional(),
    revokedAt: z.iso.datetime().optional(),
    lastUsedAt: z.iso.datetime().optional().describe('To the minute.'),
    previousUntil: z.iso.datetime().optional().describe('Until when the secret before the last rotation opens too.'),
  })
  .meta({ id: 'Key' });

const newKeySchema = keySchema
  .extend({ secret: z.string().describe('What goes behind `Bearer`; it is shown this once.') })
  .meta({ id: 'NewKey' });

const keyPageSchema = z
  .object({ keys: z.array(keySchema), next: z.string().optional().describe('Cursor of the next page.') })
  .meta({ id: 'KeyPage' });

const keyParams = z.object({ id: z.string().max(64) });

export const createKey = route({
  id: 'createKey',
  method: 'POST',
  path: '/v1/keys',
  summary: 'Make a key that may do no more than who makes it; its secret is shown this once.',
  scope: 'keys:manage',
  body: z.strictObject({
    name: z.string().trim().max(KEY_NAME_CHARACTERS_MAX).default('').describe('For people.'),
    scopes: z
      .array(scopeSchema)
      .min(1)
      .max(Object.keys(SCOPES).length)
      .transform((scopes) => [...new Set(scopes)]),
    expiresInSeconds: z.int().min(1).max(KEY_SECONDS_MAX).optional(),
    expiresAt: z.iso.datetime().optional().describe('In place of `expiresInSeconds`; neither: it does not expire.'),
  }),
  responses: { 201: newKeySchema },
  errors: [...KEY_ERRORS, ...BODY_ERRORS, 'limit_reached', 'database_unavailable'],
  event: 'key.created',
});

export const listKeys = route({
  id: 'listKeys',
  method: 'GET',
  path: '/v1/keys',
  summary: 'The keys of the tenant, newest first; those that are revoked or expired for 90 days more.',
  scope: 'keys:manage',
  query: z.object({
    limit: z.coerce.number().int().min(1).max(PAGE_KEYS_MAX).default(50),
    after: z.string().max(64).optional().describe('The cursor `next` of the page before.'),
  }),
  responses: { 200: keyPageSchema },
  errors: [...KEY_ERRORS, 'request_invalid', 'database_unavailable'],
});

export const rotateKey = route({
  id: 'rotateKey',
  method: 'POST',
  path: '/v1/keys/{id}/rotate',
  summary: 'Give a key a new secret; the old one opens for as long as it is told, and one before that no more.',
  scope: 'keys:manage',
  params: keyParams,
  body: z.strictObject({
    overlapSeconds: z.int().min(0).max(OVERLAP_SECONDS_MAX).default(OVERLAP_SECONDS),
  }),
  responses: { 200: newKeySchema },
  errors: [...KEY_ERRORS, ...BODY_ERRORS, 'key_not_found', 'database_unavailable'],
  event: 'key.rotated',
});

export const revokeKey = route({
  id: 'revokeKey',
  method: 'DELETE',
  path: '/v1/keys/{id}',
  summary: 'End a key: at once on this node, on every other within five seconds.',
  scope: 'keys:manage',
  params: keyParams,
  responses: { 200: keySchema },
  errors: [...KEY_ERRORS, 'request_invalid', 'key_not_found', 'database_unavailable'],
  event: 'key.revoked',
});

export type Key = z.infer<typeof keySchema>;
export type NewKey = z.infer<typeof newKeySchema>;
export type KeyPage = z.infer<typeof keyPageSchema>;
export type KeyWish = z.input<typeof createKey.body>;
