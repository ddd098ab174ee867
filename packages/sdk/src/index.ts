/** The typed client of Safelight, for browsers and Node from 20 on. */
export { type ClientOptions, createClient, type SafelightClient } from './client.ts';
export { type ClientErrorCode, SafelightError } from './errors.ts';
export type { FollowOptions, ImageEvent } from './follow.ts';
export {
  type CallOptions,
  type CreateOptions,
  type ImageList,
  type Images,
  type ListOptions,
  newIdempotencyKey,
} from './images.ts';
export { placeholder, placeholderColour } from './placeholder.ts';
export { isRetryable, type RetryPolicy } from './retry.ts';
export type { OnProgress, UploadBody, UploadProgress } from './upload.ts';
export {
  type ImageAddress,
  imageUrl,
  type SignedAddress,
  signSrcset,
  signUrl,
  srcset,
  type UrlOptions,
  type Variants,
} from './urls.ts';
