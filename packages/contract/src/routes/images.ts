import { z } from 'zod';
import {
  deletionSchema,
  imagePageSchema,
  imageSchema,
  PAGE_SIZE_MAX,
  RENDITION_STATES,
  TAGS_MAX,
  tagSchema,
} from '../resources.ts';
import { route } from './route.ts';
import { UPLOAD_ERRORS } from './upload-errors.ts';

export const WAIT_SECONDS_MAX = 30;

/** PostgreSQL has no year 0. */
const timeSchema = z.iso.datetime().refine((time) => !time.startsWith('0000'), 'must lie in the year 1 or later');

const imageParams = z.object({ id: z.string().max(64) });
/** A session of the loopback page stands in for a key, for pages of its own origin alone. */
const KEY_ERRORS = ['key_missing', 'key_invalid', 'scope_missing', 'origin_refused'] as const;

export const createImage = route({
  id: 'createImage',
  method: 'POST',
  path: '/v1/images',
  summary: 'Send an image; its URLs work from the answer on.',
  scope: 'images:write',
  headers: z.object({ 'idempotency-key': z.string().min(1).max(255).optional() }),
  query: z.object({
    filename: z.string().max(255).optional().describe('For raw bodies; a form tells its own.'),
    tags: z.string().optional().describe(`Comma-separated, at most ${TAGS_MAX}.`),
    wait: z.coerce.number().min(0).max(WAIT_SECONDS_MAX).optional().describe('Seconds to wait for the renditions.'),
  }),
  bodies: ['multipart/form-data', 'image/*', 'application/octet-stream'],
  responses: { 201: imageSchema, 202: imageSchema },
  errors: [
    ...KEY_ERRORS,
    ...UPLOAD_ERRORS,
    'request_invalid',
    'media_type_unsupported',
    'idempotency_key_in_use',
    'idempotency_key_reused',
  ],
  event: 'image.accepted',
});

export const listImages = route({
  id: 'listImages',
  method: 'GET',
  path: '/v1/images',
  summary: 'The images of the tenant, newest first.',
  scope: 'images:read',
  query: z.object({
    limit: z.coerce.number().int().min(1).max(PAGE_SIZE_MAX).default(50),
    after: z.string().max(64).optional().describe('The cursor `next` of the page before.'),
    tag: tagSchema.optional(),
    state: z.enum(RENDITION_STATES).optional(),
    since: timeSchema.optional(),
    until: timeSchema.optional(),
  }),
  responses: { 200: imagePageSchema },
  errors: [...KEY_ERRORS, 'request_invalid', 'database_unavailable'],
});

export const getImage = route({
  id: 'getImage',
  method: 'GET',
  path: '/v1/images/{id}',
  summary: 'One image with its renditions.',
  scope: 'images:read',
  params: imageParams,
  responses: { 200: imageSchema },
  errors: [...KEY_ERRORS, 'request_invalid', 'image_not_found', 'image_gone', 'database_unavailable'],
});

export const deleteImage = route({
  id: 'deleteImage',
  method: 'DELETE',
  path: '/v1/images/{id}',
  summary:
    'Delete an image: its URLs answer 410 from then on, and those of others that lay it over them as `mark` 422.',
  scope: 'images:write',
  params: imageParams,
  responses: { 200: deletionSchema },
  errors: [...KEY_ERRORS, 'request_invalid', 'image_not_found', 'image_gone', 'database_unavailable'],
  event: 'image.deleted',
});

export const followImage = route({
  id: 'followImage',
  method: 'GET',
  path: '/v1/images/{id}/events',
  summary: 'What happens to an image, as server-sent events from the first to its deletion; Last-Event-ID resumes.',
  scope: 'images:read',
  params: imageParams,
  headers: z.object({
    'last-event-id': z
      .string()
      .regex(/^\d{1,15}$/)
      .optional(),
  }),
  responses: { 200: ['text/event-stream'] },
  errors: [...KEY_ERRORS, 'request_invalid', 'image_not_found', 'image_gone', 'overloaded', 'database_unavailable'],
});
