import { z } from 'zod';
import { imageSchema, problemSchema, TAGS_MAX, tagSchema, visibilitySchema } from '../resources.ts';
import { BODY_ERRORS, KEY_ERRORS } from './key-errors.ts';
import { route } from './route.ts';
import { TUS_BODY } from './tus-body.ts';
import { UPLOAD_ERRORS } from './upload-errors.ts';

const HOUR_SECONDS = 60 * 60;
const TOKEN_SECONDS_MAX = 24 * HOUR_SECONDS;
const TOKEN_SECONDS = 15 * 60;
const TOKEN_IMAGES_MAX = 1_000;
const FORMATS_MAX = 20;
const FILENAME_CHARACTERS_MAX = 255;

const uploadParams = z.object({ id: z.string().max(64) });
const filenameSchema = z.string().max(FILENAME_CHARACTERS_MAX).optional();
const tagsSchema = z.array(tagSchema).max(TAGS_MAX).default([]);
const TOKEN_ERRORS = [...KEY_ERRORS, 'upload_token_spent'] as const;

/** What tus answers in headers; a request without `Tus-Resumable: 1.0.0` gets 412. */
const TUS_HEADERS = {
  'Tus-Resumable': 'The version of the protocol, 1.0.0.',
  'Upload-Offset': 'How many bytes are there, durable.',
  'Upload-Expires': 'When an upload that is not finished is dropped.',
  'Safelight-Image': 'Id of the image, when the upload is finished.',
} as const;

const uploadSchema = z
  .object({
    id: z.string(),
    kind: z.enum(['resumable', 'direct']),
    state: z.enum(['open', 'finished', 'refused']),
    bytes: z.int().describe('What it has when it is whole.'),
    received: z.int().describe('Of a resumable one: `bytes` only when the image was accepted.'),
    filename: z.string().optional(),
    tags: z.array(z.string()),
    expiresAt: z.iso.datetime(),
    image: imageSchema.optional().describe('When it is finished.'),
    problem: problemSchema.optional().describe('When it was refused.'),
  })
  .meta({ id: 'Upload' });

export const createUpload = route({
  id: 'createUpload',
  method: 'POST',
  path: '/v1/uploads',
  summary:
    'Begin a resumable upload (tus 1.0 with creation, creation-with-upload, termination and expiration). ' +
    'Upload-Metadata may name `filename`, `tags`, comma-separated, and `visibility`.',
  scope: 'images:write',
  bodies: [TUS_BODY],
  responses: { 201: [] },
  answerHeaders: { Location: 'Where the upload goes on.', ...TUS_HEADERS },
  errors: [
    ...TOKEN_ERRORS,
    ...UPLOAD_ERRORS,
    'request_invalid',
    'limit_reached',
    'tus_version_unsupported',
    'upload_held',
    'upload_mismatch',
  ],
  event: 'image.accepted',
});

export const getUpload = route({
  id: 'getUpload',
  method: 'GET',
  path: '/v1/uploads/{id}',
  summary: 'An upload, and the image that came of it. HEAD with `Tus-Resumable` answers as tus does.',
  scope: 'images:write',
  params: uploadParams,
  responses: { 200: uploadSchema },
  answerHeaders: TUS_HEADERS,
  errors: [
    ...TOKEN_ERRORS,
    'request_invalid',
    'upload_not_found',
    'upload_gone',
    'upload_held',
    'tus_version_unsupported',
    'image_gone',
    'database_unavailable',
  ],
});

export const appendUpload = route({
  id: 'appendUpload',
  method: 'PATCH',
  path: '/v1/uploads/{id}',
  summary: 'Send the bytes from `Upload-Offset` on; with the last ones the image is accepted.',
  scope: 'images:write',
  params: uploadParams,
  bodies: [TUS_BODY],
  responses: { 204: [] },
  answerHeaders: TUS_HEADERS,
  errors: [
    ...TOKEN_ERRORS,
    ...UPLOAD_ERRORS,
    'request_invalid',
    'upload_not_found',
    'upload_gone',
    'upload_offset_conflict',
    'upload_held',
    'upload_mismatch',
    'tus_version_unsupported',
  ],
  event: 'image.accepted',
});

export const endUpload = route({
  id: 'endUpload',
  method: 'DELETE',
  path: '/v1/uploads/{id}',
  summary: 'Drop an upload with what was sent; an image that came of it stays.',
  scope: 'images:write',
  params: uploadParams,
  responses: { 204: [] },
  answerHeaders: { 'Tus-Resumable': TUS_HEADERS['Tus-Resumable'] },
  errors: [
    ...TOKEN_ERRORS,
    'request_invalid',
    'upload_not_found',
    'upload_held',
    'tus_version_unsupported',
    'database_unavailable',
  ],
});

export const createUploadToken = route({
  id: 'createUploadToken',
  method: 'POST',
  path: '/v1/uploads/tokens',
  summary: 'Make a short-lived token by which a browser sends a few images without the key.',
  scope: 'images:write',
  body: z.strictObject({
    expiresInSeconds: z.int().min(1).max(TOKEN_SECONDS_MAX).default(TOKEN_SECONDS),
    bytesMax: z.int().min(1).max(Number.MAX_SAFE_INTEGER).optional().describe('Of each image.'),
    imagesMax: z.int().min(1).max(TOKEN_IMAGES_MAX).default(1),
    formats: z
      .array(z.string().regex(/^[a-z0-9]{1,16}$/, 'is no format such as jpeg or png'))
      .min(1)
      .max(FORMATS_MAX)
      .optional()
      .describe('As an image’s `format` names them; absent: all.'),
    tags: tagsSchema.describe('What its images are tagged with.'),
    visibility: visibilitySchema.optional().describe('Of its images; absent: as their sender says.'),
    origin: z
      .string()
      .max(300)
      .refine((text) => URL.canParse(text) && new URL(text).origin === text, 'is no origin such as https://example.com')
      .optional()
      .describe('The only origin whose pages may use it; absent: any.'),
  }),
  responses: {
    201: z
      .object({
        id: z.string(),
        token: z.string().describe('What goes behind `Bearer`; it is shown this once.'),
        bytesMax: z.int(),
        imagesMax: z.int(),
        expiresAt: z.iso.datetime(),
      })
      .meta({ id: 'UploadToken' }),
  },
  errors: [...KEY_ERRORS, ...BODY_ERRORS, 'database_unavailable'],
  event: 'token.created',
});

export const createDirectUpload = route({
  id: 'createDirectUpload',
  method: 'POST',
  path: '/v1/uploads/direct',
  summary:
    'Begin an upload straight to the object store (S3): PUT the bytes to `url` with `headers`, then complete it.',
  scope: 'images:write',
  body: z.strictObject({
    bytes: z.int().min(1).max(Number.MAX_SAFE_INTEGER),
    sha256: z
      .string()
      .regex(/^[0-9a-f]{64}$/)
      .optional()
      .describe('Of the bytes, hexadecimal; other bytes are refused.'),
    filename: filenameSchema,
    tags: tagsSchema,
    visibility: visibilitySchema.optional(),
  }),
  responses: {
    201: z
      .object({
        id: z.string(),
        method: z.literal('PUT'),
        url: z.url(),
        headers: z.record(z.string(), z.string()).describe('To be sent as they are.'),
        expiresAt: z.iso.datetime().describe('Until when the bytes may be put.'),
      })
      .meta({ id: 'DirectUpload' }),
  },
  errors: [
    ...TOKEN_ERRORS,
    ...BODY_ERRORS,
    'upload_too_large',
    'limit_reached',
    'direct_upload_unsupported',
    'database_unavailable',
  ],
});

export const completeDirectUpload = route({
  id: 'completeDirectUpload',
  method: 'POST',
  path: '/v1/uploads/direct/{id}/complete',
  summary: 'Have the bytes that were put looked at and accepted as an image; asked twice, it answers the same.',
  scope: 'images:write',
  params: uploadParams,
  responses: { 201: imageSchema, 202: imageSchema },
  errors: [
    ...TOKEN_ERRORS,
    ...UPLOAD_ERRORS,
    'request_invalid',
    'upload_not_found',
    'upload_gone',
    'upload_bytes_missing',
    'upload_mismatch',
    'upload_held',
    'image_gone',
  ],
  event: 'image.accepted',
});

export type Upload = z.infer<typeof uploadSchema>;
export type UploadTokenWish = z.input<typeof createUploadToken.body>;
export type NewUploadToken = z.infer<(typeof createUploadToken.responses)[201]>;
export type DirectUploadWish = z.input<typeof createDirectUpload.body>;
export type DirectUpload = z.infer<(typeof createDirectUpload.responses)[201]>;
