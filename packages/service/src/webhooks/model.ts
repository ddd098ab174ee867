import type { EventType } from '@safelight/contract';

/** Where a tenant wants to be told what happens. */
export interface Webhook {
  readonly webhookId: string;
  readonly url: string;
  readonly description: string;
  /** Undefined: all. */
  readonly eventTypes: readonly EventType[] | undefined;
  readonly state: 'enabled' | 'disabled';
  /** Why it was disabled; only then. */
  readonly disabledCause: string | undefined;
  /** The first failure after the last success. */
  readonly failingSince: Date | undefined;
  readonly createdAt: Date;
}

/** One event for one webhook: waiting, or what became of it. */
export interface Delivery {
  readonly eventId: string;
  readonly position: number;
  readonly type: EventType;
  readonly state: 'pending' | 'delivered' | 'failed';
  readonly attempts: number;
  /** When it is tried next; only while pending. */
  readonly nextAt: Date | undefined;
  /** Of the last attempt: the status of its answer, or why there was none. */
  readonly status: number | undefined;
  readonly error: string | undefined;
  readonly tookMs: number | undefined;
  readonly attemptedAt: Date | undefined;
  readonly createdAt: Date;
}

/** As many as a tenant may have: each costs a row for each event. */
export const WEBHOOKS_MAX = 50;
/** Told on this channel when messages are to be sent again. */
export const WEBHOOKS_CHANNEL = 'safelight_webhooks';
export const SECRET_BYTES = 32;

/**
 * Seconds from one attempt to the next: what the Standard Webhooks specification suggests, 75 hours in sum, so that a
 * receiver that was down over a weekend has missed nothing.
 */
export const RETRY_SECONDS = [5, 300, 1_800, 7_200, 18_000, 36_000, 50_400, 72_000, 86_400] as const;
/** A webhook that has failed for as long without one success is disabled with the next message that is given up. */
export const FAILING_HOURS_MAX = 72;
