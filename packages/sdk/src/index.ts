/** The typed client of Safelight, for browsers and Node from 20 on. */
export type { Audit } from './audit.ts';
export { type ClientOptions, createClient, type SafelightClient } from './client.ts';
export { type DeliveryTokens, signDeliveryToken } from './delivery-tokens.ts';
export type { Domains } from './domains.ts';
export type { Erasures } from './erasures.ts';
export { type ClientErrorCode, SafelightError } from './errors.ts';
export type { Fleet } from './fleet.ts';
export type { FollowOptions, ImageEvent } from './follow.ts';
export {
  type CallOptions,
  type CreateOptions,
  type DeleteOptions,
  type ImageList,
  type Images,
  type ImportOptions,
  type ListOptions,
  newIdempotencyKey,
  type ReadOptions,
} from './images.ts';
export type { Keys } from './keys.ts';
export type { People } from './people.ts';
export { placeholder, placeholderColour } from './placeholder.ts';
export type { Presets } from './presets.ts';
export { isRetryable, type RetryPolicy } from './retry.ts';
export type { Sessions } from './session.ts';
export type { SettingsKeeper } from './settings.ts';
export type { Tenants } from './tenants.ts';
export type { OnProgress, UploadBody, UploadProgress } from './upload.ts';
export type { InterruptedUpload, UploadStorage } from './upload-memory.ts';
export type { ResumableOptions, SendOptions, Uploads } from './uploads.ts';
export {
  type ImageAddress,
  imageUrl,
  type SignedAddress,
  signPresetUrl,
  signSrcset,
  signUrl,
  srcset,
  type UrlOptions,
  type Variants,
} from './urls.ts';
export type { BudgetKeeper, UsageOptions, UsageReader } from './usage.ts';
export type { Webhooks } from './webhooks.ts';
