import type { Webhook, WebhookDelivery } from '@safelight/contract';
import { formatTime } from './words.ts';

/** What a receiver said to the last attempt: `204 in 35 ms`, or why there was no answer. */
export function answerText({ status, error, tookMs }: WebhookDelivery): string {
  if (status === undefined) return error ?? 'not tried yet';
  return `${status}${tookMs === undefined ? '' : ` in ${tookMs}\u00a0ms`}${error === undefined ? '' : ` · ${error}`}`;
}

/** `all events`, `image.deleted`, `3 kinds of events`. */
export function kindsText({ eventTypes }: Pick<Webhook, 'eventTypes'>): string {
  if (!eventTypes) return 'all events';
  return eventTypes.length === 1 ? String(eventTypes[0]) : `${eventTypes.length} kinds of events`;
}

/** What to know of a webhook besides its address. */
export function webhookFacts(webhook: Webhook): string {
  const { createdAt, failingSince, disabledCause } = webhook;
  return [
    kindsText(webhook),
    `made ${formatTime(createdAt)}`,
    ...(disabledCause === undefined ? [] : [`disabled: ${disabledCause}`]),
    ...(failingSince === undefined ? [] : [`failing since ${formatTime(failingSince)}`]),
  ].join(' · ');
}
