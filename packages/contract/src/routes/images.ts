import { z } from 'zod';
import {
  deletionSchema,
  imagePageSchema,
  imageSchema,
  PAGE_SIZE_MAX,
  RENDITION_STATES,
  TAGS_MAX,
  tagSchema,
  visibilitySchema,
} from '../resources.ts';
import { BODY_ERRORS, KEY_ERRORS } from './key-errors.ts';
import { PREFER } from './prefer.ts';
import { readHeaders } from './reads.ts';
import { route } from './route.ts';
import { UPLOAD_ERRORS } from './upload-errors.ts';

export const WAIT_SECONDS_MAX = 30;

/** PostgreSQL has no year 0. */
const timeSchema = z.iso.datetime().refine((time) => !time.startsWith('0000'), 'must lie in the year 1 or later');

const imageParams = z.object({ id: z.string().max(64) });

const URL_CHARACTERS_MAX = 4_096;
const FILENAME_CHARACTERS_MAX = 255;

const importSchema = z
  .strictObject({
    url: z
      .string()
      .max(URL_CHARACTERS_MAX)
      .describe('Of http or https, on a host that the tenant’s setting `sourceHosts` allows.'),
    filename: z.string().max(FILENAME_CHARACTERS_MAX).optional().describe('Absent: the last part of the path.'),
    tags: z.array(tagSchema).max(TAGS_MAX).default([]),
    visibility: visibilitySchema.optional(),
  })
  .meta({ id: 'ImageImport' });

export const createImage = route({
  id: 'createImage',
  method: 'POST',
  path: '/v1/images',
  summary: 'Send an image, or have it fetched from a URL; its URLs work from the answer on.',
  scope: 'images:write',
  headers: z.object({ 'idempotency-key': z.string().min(1).max(255).optional(), ...PREFER }),
  query: z.object({
    filename: z.string().max(255).optional().describe('For raw bodies; a form tells its own.'),
    tags: z.string().optional().describe(`Comma-separated, at most ${TAGS_MAX}.`),
    visibility: visibilitySchema
      .optional()
      .describe('Absent: as the tenant’s settings have it. A form may tell its own.'),
    wait: z.coerce.number().min(0).max(WAIT_SECONDS_MAX).optional().describe('Seconds to wait for the renditions.'),
  }),
  body: importSchema,
  bodies: ['multipart/form-data', 'image/*', 'application/octet-stream'],
  responses: { 201: imageSchema, 202: imageSchema },
  errors: [
    ...KEY_ERRORS,
    ...UPLOAD_ERRORS,
    'request_invalid',
    'media_type_unsupported',
    'upload_token_spent',
    'source_forbidden',
    'source_unreachable',
    'source_refused',
    'source_too_slow',
    'idempotency_key_in_use',
    'idempotency_key_reused',
    'image_gone',
    'feature_not_in_plan',
  ],
  event: 'image.accepted',
});

export const listImages = route({
  id: 'listImages',
  method: 'GET',
  path: '/v1/images',
  summary: 'The images of the tenant, newest first.',
  scope: 'images:read',
  headers: readHeaders,
  query: z.object({
    limit: z.coerce.number().int().min(1).max(PAGE_SIZE_MAX).default(50),
    after: z.string().max(64).optional().describe('The cursor `next` of the page before.'),
    tag: tagSchema.optional(),
    state: z.enum(RENDITION_STATES).optional(),
    since: timeSchema.optional(),
    until: timeSchema.optional(),
    trash: z.enum(['only', 'with']).optional().describe('What is in the trash, alone or with the others.'),
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
  headers: readHeaders,
  responses: { 200: imageSchema },
  errors: [...KEY_ERRORS, 'request_invalid', 'image_not_found', 'image_gone', 'database_unavailable'],
});

export const changeImage = route({
  id: 'changeImage',
  method: 'PATCH',
  path: '/v1/images/{id}',
  summary: 'Change who may see an image, or its tags; what is absent stays. Nodes and caches hear of it at once.',
  scope: 'images:write',
  params: imageParams,
  body: z.strictObject({
    visibility: visibilitySchema.optional(),
    tags: z.array(tagSchema).max(TAGS_MAX).optional().describe('All that it has from now on.'),
  }),
  responses: { 200: imageSchema },
  errors: [
    ...KEY_ERRORS,
    ...BODY_ERRORS,
    'request_invalid',
    'feature_not_in_plan',
    'image_not_found',
    'image_gone',
    'database_unavailable',
  ],
  event: 'image.changed',
});

export const deleteImage = route({
  id: 'deleteImage',
  method: 'DELETE',
  path: '/v1/images/{id}',
  summary:
    'Delete an image: its URLs answer 410 from then on, and those of others that lay it over them as `mark` 422. ' +
    'Where the tenant has `trashDays` it goes to the trash for so long; else, or with `erase`, it is erased.',
  scope: 'images:write',
  params: imageParams,
  query: z.object({
    erase: z.enum(['now']).optional().describe('Past the trash, or out of it: this cannot be taken back.'),
  }),
  responses: { 200: deletionSchema },
  errors: [...KEY_ERRORS, 'request_invalid', 'image_not_found', 'image_gone', 'database_unavailable'],
  event: 'image.deleted',
});

export const restoreImage = route({
  id: 'restoreImage',
  method: 'POST',
  path: '/v1/images/{id}/restore',
  summary: 'Bring an image back from the trash; its URLs work again. One that is not in it is answered as it is.',
  scope: 'images:write',
  params: imageParams,
  responses: { 200: imageSchema },
  errors: [...KEY_ERRORS, 'request_invalid', 'image_not_found', 'image_gone', 'database_unavailable'],
  event: 'image.restored',
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

export type ImageChange = z.input<typeof changeImage.body>;
export type ImageImport = z.input<typeof importSchema>;
