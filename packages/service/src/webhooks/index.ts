/**
 * Webhooks: a tenant's own servers are told what happens, by the Standard Webhooks specification, at least once. The
 * sealed log says what; a table says what is still to be told to whom, so a crash forgets nothing.
 */
export { listDeliveries, redeliver, redeliverMissed } from './deliveries.ts';
export { type Delivery, WEBHOOKS_CHANNEL, WEBHOOKS_MAX, type Webhook } from './model.ts';
export { forgetDeliveries, queueEvents } from './queue.ts';
export {
  type ClaimedWebhook,
  claimWebhooks,
  LEASE_RENEWED_MS,
  nextDueMs,
  releaseWebhooks,
  renewWebhooks,
  tellWebhook,
} from './tell.ts';
export {
  changeWebhook,
  createWebhook,
  getWebhook,
  listWebhooks,
  removeWebhook,
  rotateWebhookSecret,
  TooManyWebhooksError,
  testWebhook,
} from './webhooks.ts';
