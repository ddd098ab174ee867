import { z } from 'zod';
import { uploadUrlsSchema } from '../resources.ts';
import { PREFER } from './prefer.ts';
import { route } from './route.ts';
import { UPLOAD_ERRORS } from './upload-errors.ts';

export const uploadExercise = route({
  id: 'uploadExercise',
  method: 'POST',
  path: '/',
  summary: 'Send an image as the form field `image`, without a key; for the public tenant alone.',
  scope: undefined,
  headers: z.object(PREFER),
  bodies: ['multipart/form-data'],
  responses: { 202: uploadUrlsSchema },
  errors: [...UPLOAD_ERRORS, 'origin_refused', 'method_not_allowed', 'not_acceptable', 'key_missing'],
  event: 'image.accepted',
});
