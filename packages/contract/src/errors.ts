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
  upload_incomplete: { status: 400, title: 'The upload ended before its last byte.', retryable: false },
  key_missing: { status: 401, title: 'The request carries no API key.', retryable: false },
  key_invalid: { status: 401, title: 'The API key is unknown, expired or revoked.', retryable: false },
  scope_missing: { status: 403, title: 'The API key lacks the scope that this route needs.', retryable: false },
  signature_invalid: { status: 403, title: 'The URL is not signed, or its signature does not fit.', retryable: false },
  iiif_not_listed: {
    status: 403,
    title: 'Of this image only the tiles and sizes that its info.json lists are served.',
    retryable: false,
  },
  origin_refused: { status: 403, title: 'The request comes from a foreign host or origin.', retryable: false },
  route_not_found: { status: 404, title: 'Nothing lives at this address.', retryable: false },
  image_not_found: { status: 404, title: 'There is no such image.', retryable: false },
  preset_not_found: { status: 404, title: 'There is no such preset.', retryable: false },
  method_not_allowed: { status: 405, title: 'This address does not take this method.', retryable: false },
  not_acceptable: { status: 406, title: 'The answer exists only as JSON, which Accept excludes.', retryable: false },
  upload_timeout: { status: 408, title: 'The upload came too slowly.', retryable: false },
  idempotency_key_in_use: {
    status: 409,
    title: 'A request with this Idempotency-Key is still running.',
    retryable: true,
  },
  image_gone: { status: 410, title: 'The image was deleted.', retryable: false },
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
  rendition_failed: { status: 422, title: 'The rendition could not be made from this image.', retryable: false },
  internal: { status: 500, title: 'Safelight made a mistake.', retryable: false },
  overloaded: { status: 503, title: 'The node is at its limit.', retryable: true },
  rendition_pending: { status: 503, title: 'The rendition is not ready yet.', retryable: true },
  database_unavailable: { status: 503, title: 'The database does not answer.', retryable: true },
  scaling_unknown: { status: 503, title: 'No node has decided on the size of the fleet lately.', retryable: true },
  storage_unavailable: { status: 503, title: 'The object store does not answer.', retryable: true },
  storage_full: { status: 507, title: 'The object store has no room left.', retryable: true },
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
