/** The wire's truth: what service, SDK and console agree on. Imports nothing of Node. */
export * from './delivery-tokens.ts';
export * from './errors.ts';
export * from './events.ts';
export * from './explanation.ts';
export * from './iiif.ts';
export * from './passwords.ts';
export * from './plans.ts';
export { type Consistency, POSITION_HEADER } from './position.ts';
export * from './resources.ts';
export type { AuditedEvent, AuditPage, AuditQuery } from './routes/audit.ts';
export {
  AUTO_WISHES,
  type AutoWish,
  CLIENT_HINTS,
  type ClientHint,
  DELIVERY_PARAMETERS,
  readSome,
} from './routes/delivery.ts';
export { DOMAIN_HOST, type Domain } from './routes/domains.ts';
export {
  type Erasure,
  type ErasurePage,
  type Receipt,
  receiptSchema,
  type SignedReceipt,
  signedReceiptSchema,
} from './routes/erasures.ts';
export { type ImageChange, type ImageImport, WAIT_SECONDS_MAX } from './routes/images.ts';
export * from './routes/index.ts';
export { type Key, type KeyPage, type KeyWish, keySchema, type NewKey } from './routes/keys.ts';
export type { Limits } from './routes/limits.ts';
export type { NodePage } from './routes/nodes.ts';
export { type Invitation, type PeoplePage, type Person, personSchema } from './routes/people.ts';
export type { Preset, PresetWish } from './routes/presets.ts';
export type { Purge } from './routes/purge.ts';
export { answerHeadersOf } from './routes/reads.ts';
export type { Scaling, ScalingMetric } from './routes/scaling.ts';
export { type Session, sessionSchema, type WaysIn } from './routes/session.ts';
export type { Settings, SettingsChange } from './routes/settings.ts';
export { healthSchema, readinessSchema } from './routes/system.ts';
export type { NewTenant, PlanList, TenantChange, TenantPage, TenantResource, TenantWish } from './routes/tenants.ts';
export { TUS_BODY } from './routes/tus-body.ts';
export type {
  DirectUpload,
  DirectUploadWish,
  NewUploadToken,
  Upload,
  UploadTokenWish,
} from './routes/uploads.ts';
export type { Budget, BudgetBounds, Usage, UsageEvent, UsageEventPage } from './routes/usage.ts';
export type {
  NewWebhook,
  RotatedWebhookSecret,
  Webhook,
  WebhookChange,
  WebhookDelivery,
  WebhookDeliveryPage,
  WebhookWish,
} from './routes/webhooks.ts';
export * from './scaling.ts';
export * from './scopes.ts';
export * from './transformation.ts';
