/**
 * The closed catalogue of operating errors. A client decides by `code`; `title` is for people and may change.
 * `retryable`: the same request may succeed later, and the answer carries Retry-After.
 */
export interface ErrorEntry {
  readonly status: number;
  readonly title: string;
  readonly retryable: boolean;
}

export const ERRORS = {
  image_missing: { status: 400, title: 'The request carries no image.', retryable: false },
  image_invalid: { status: 400, title: 'The bytes are not an image that can be read.', retryable: false },
  request_invalid: { status: 400, title: 'The request does not fit its schema.', retryable: false },
  format_not_allowed: { status: 400, title: 'The tenant does not allow this output format.', retryable: false },
  plan_unknown: { status: 400, title: 'There is no plan of this name.', retryable: false },
  upload_incomplete: { status: 400, title: 'The upload ended before its last byte.', retryable: false },
  key_missing: { status: 401, title: 'The request carries no API key.', retryable: false },
  key_invalid: { status: 401, title: 'The API key is unknown, expired or revoked.', retryable: false },
  log_in_failed: { status: 401, title: 'E-mail or password is wrong.', retryable: false },
  session_ended: { status: 401, title: 'The session has ended: log in again.', retryable: false },
  budget_exhausted: {
    status: 402,
    title: 'It would go over the budget of the tenant for this month.',
    retryable: false,
  },
  scope_missing: { status: 403, title: 'The API key lacks the scope that this route needs.', retryable: false },
  tenant_suspended: { status: 403, title: 'The tenant is suspended.', retryable: false },
  storage_quota_exceeded: {
    status: 403,
    title: 'The tenant may not store so many bytes: delete images, or ask for a larger plan.',
    retryable: false,
  },
  feature_not_in_plan: { status: 403, title: 'The plan of the tenant does not include this.', retryable: false },
  signature_invalid: { status: 403, title: 'The URL is not signed, or its signature does not fit.', retryable: false },
  iiif_not_listed: {
    status: 403,
    title: 'Of this image only the tiles and sizes that its info.json lists are served.',
    retryable: false,
  },
  origin_refused: { status: 403, title: 'The request comes from a foreign host or origin.', retryable: false },
  source_forbidden: { status: 403, title: 'From this URL no image may be imported.', retryable: false },
  upload_token_spent: { status: 403, title: 'The upload token allows no further image.', retryable: false },
  csrf_missing: { status: 403, title: 'The request lacks the token of its session.', retryable: false },
  route_not_found: { status: 404, title: 'Nothing lives at this address.', retryable: false },
  image_not_found: { status: 404, title: 'There is no such image.', retryable: false },
  erasure_not_found: { status: 404, title: 'There is no such erasure.', retryable: false },
  tenant_not_found: { status: 404, title: 'There is no such tenant.', retryable: false },
  webhook_not_found: { status: 404, title: 'There is no such webhook.', retryable: false },
  delivery_not_found: { status: 404, title: 'The webhook was never sent such a message.', retryable: false },
  upload_not_found: { status: 404, title: 'There is no such upload.', retryable: false },
  domain_not_found: { status: 404, title: 'The tenant has claimed no such host.', retryable: false },
  preset_not_found: { status: 404, title: 'There is no such preset.', retryable: false },
  key_not_found: { status: 404, title: 'There is no such key.', retryable: false },
  person_not_found: { status: 404, title: 'There is no such person.', retryable: false },
  invitation_not_found: { status: 404, title: 'The invitation is unknown, used or too old.', retryable: false },
  method_not_allowed: { status: 405, title: 'This address does not take this method.', retryable: false },
  not_acceptable: { status: 406, title: 'The answer exists only as JSON, which Accept excludes.', retryable: false },
  upload_timeout: { status: 408, title: 'The upload came too slowly.', retryable: false },
  domain_taken: { status: 409, title: 'Another tenant has proved that this host is its own.', retryable: false },
  idempotency_key_in_use: {
    status: 409,
    title: 'A request with this Idempotency-Key is still running.',
    retryable: true,
  },
  upload_offset_conflict: {
    status: 409,
    title: 'The bytes do not follow those that are there: ask with HEAD where to go on.',
    retryable: false,
  },
  upload_bytes_missing: { status: 409, title: 'The object store has no such bytes yet.', retryable: false },
  limit_reached: { status: 409, title: 'There are as many as may be.', retryable: false },
  last_owner: { status: 409, title: 'Somebody must own the tenant: name another owner first.', retryable: false },
  tenant_refused: { status: 409, title: 'The tenant, or the plan, cannot be changed like this.', retryable: false },
  tenant_gone: { status: 410, title: 'The tenant was deleted.', retryable: false },
  upload_gone: { status: 410, title: 'The upload is over: it expired or was refused.', retryable: false },
  image_gone: { status: 410, title: 'The image was deleted.', retryable: false },
  tus_version_unsupported: { status: 412, title: 'Uploads are resumed by tus 1.0.0.', retryable: false },
  upload_too_large: { status: 413, title: 'The upload has more bytes than allowed.', retryable: false },
  image_too_large: { status: 413, title: 'The image has more pixels or frames than allowed.', retryable: false },
  image_format_unsupported: { status: 415, title: 'This image format cannot be read here.', retryable: false },
  media_type_unsupported: {
    status: 415,
    title: 'The request body has a type that this route does not take.',
    retryable: false,
  },
  range_not_satisfiable: { status: 416, title: 'The range lies outside of the object.', retryable: false },
  idempotency_key_reused: {
    status: 422,
    title: 'This Idempotency-Key was used with another request.',
    retryable: false,
  },
  upload_mismatch: { status: 422, title: 'The bytes are not those that were announced.', retryable: false },
  upload_held: { status: 423, title: 'Another request writes to this upload.', retryable: true },
  source_unreachable: { status: 424, title: 'The source does not answer.', retryable: false },
  source_refused: { status: 424, title: 'The source answers with no image.', retryable: false },
  source_too_slow: { status: 424, title: 'The source is too slow.', retryable: false },
  rendition_failed: { status: 422, title: 'The rendition could not be made from this image.', retryable: false },
  log_in_locked: { status: 429, title: 'Too many log-ins have failed.', retryable: true },
  rate_limited: { status: 429, title: 'The tenant asks more often than its plan allows.', retryable: true },
  quota_exceeded: { status: 429, title: 'What the plan allows in this day or month is used up.', retryable: true },
  internal: { status: 500, title: 'Safelight made a mistake.', retryable: false },
  direct_upload_unsupported: {
    status: 501,
    title: 'The object store of this installation takes no uploads by itself.',
    retryable: false,
  },
  overloaded: { status: 503, title: 'The node is at its limit.', retryable: true },
  rendition_pending: { status: 503, title: 'The rendition is not ready yet.', retryable: true },
  database_unavailable: { status: 503, title: 'The database does not answer.', retryable: true },
  scaling_unknown: { status: 503, title: 'No node has decided on the size of the fleet lately.', retryable: true },
  storage_unavailable: { status: 503, title: 'The object store does not answer.', retryable: true },
  storage_full: { status: 507, title: 'The object store has no room left.', retryable: true },
  deadline_passed: { status: 503, title: 'The time that the client gave had passed before.', retryable: true },
  shutting_down: { status: 503, title: 'The node is shutting down.', retryable: true },
} as const satisfies Record<string, ErrorEntry>;

export type ErrorCode = keyof typeof ERRORS;

/** The bound that a request crossed. */
export interface Bound {
  readonly name: string;
  readonly limit: number;
  /** What the request had, where it is known. */
  readonly actual?: number | undefined;
}

/** The catalogue's entry for `code`. */
export function errorEntry(code: ErrorCode): ErrorEntry {
  return ERRORS[code];
}
