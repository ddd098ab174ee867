import { uploadUrlsSchema } from '../resources.ts';
import { route } from './route.ts';

export const uploadExercise = route({
  id: 'uploadExercise',
  method: 'POST',
  path: '/',
  summary: 'Send an image as the form field `image`, without a key; for the public tenant alone.',
  scope: undefined,
  bodies: ['multipart/form-data'],
  responses: { 202: uploadUrlsSchema },
  errors: [
    'image_missing',
    'image_invalid',
    'image_format_unsupported',
    'origin_refused',
    'method_not_allowed',
    'not_acceptable',
    'upload_too_large',
    'image_too_large',
    'upload_incomplete',
    'upload_timeout',
    'overloaded',
    'database_unavailable',
    'storage_unavailable',
    'storage_full',
    'shutting_down',
  ],
  event: 'image.accepted',
});
