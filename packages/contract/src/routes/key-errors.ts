/** Of routes that a key opens, or in its place a session of the page, for pages of its own origin alone. */
export const KEY_ERRORS = [
  'key_missing',
  'key_invalid',
  'session_ended',
  'scope_missing',
  'tenant_suspended',
  'rate_limited',
  'origin_refused',
  'csrf_missing',
] as const;
/** Of routes that take a body in JSON. */
export const BODY_ERRORS = [
  'request_invalid',
  'media_type_unsupported',
  'upload_incomplete',
  'upload_timeout',
] as const;
