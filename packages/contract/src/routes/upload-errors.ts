/** What any upload may be answered, whatever its route. */
export const UPLOAD_ERRORS = [
  'image_missing',
  'image_invalid',
  'image_too_large',
  'image_format_unsupported',
  'upload_too_large',
  'upload_incomplete',
  'upload_timeout',
  'overloaded',
  'database_unavailable',
  'storage_unavailable',
  'storage_full',
  'shutting_down',
] as const;
