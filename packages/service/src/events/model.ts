import type { EventData, EventPersonal, EventType } from '@safelight/contract';

/** What a business transaction tells the log, in the same transaction as the change. */
export type NewEvent = { [Type in EventType]: NewEventOf<Type> }[EventType];

export interface NewEventOf<Type extends EventType> {
  readonly tenantId: string;
  readonly type: Type;
  /** The id of what the event is about. */
  readonly subject: string;
  /** The image that this is or belongs to: whoever follows that image is told. */
  readonly imageId?: string;
  /** A key's id, or 'system'. */
  readonly actor: string;
  readonly data: EventData<Type>;
  /** What erasure must be able to remove. */
  readonly personal?: EventPersonal<Type>;
}

/** One line of the log. Positions are 1, 2, 3 … within a tenant, without gaps. */
export interface SealedEvent {
  readonly tenantId: string;
  readonly position: number;
  readonly eventId: string;
  readonly type: EventType;
  readonly subject: string;
  readonly imageId: string | null;
  readonly actor: string;
  readonly at: Date;
  readonly data: Readonly<Record<string, unknown>>;
  /** Null when there was nothing personal, and after erasure. */
  readonly personal: Readonly<Record<string, unknown>> | null;
}

/** Told on this channel once per batch: the tenants concerned, separated by commas, or nothing for "anybody". */
export const EVENTS_CHANNEL = 'safelight_events';
/**
 * What somebody acts on in the background. These alone are told by their names: pictures come and are made by the
 * hundred in a second, and who waits for something rare need not be woken by them.
 */
export const DEEDS = [
  'image.deleted',
  'preset.changed',
  'preset.removed',
  'tenant.suspended',
  'tenant.resumed',
  'tenant.deleting',
  'tenant.deleted',
  'webhook.created',
  'webhook.changed',
  'webhook.tested',
] as const satisfies readonly EventType[];
export type Deed = (typeof DEEDS)[number];
/** Told on this channel with a batch that has some of them: their types, separated by commas. */
export const DEEDS_CHANNEL = 'safelight_deeds';
/** Told on this channel by nodes that do not seal when they have committed events. */
export const SEAL_CHANNEL = 'safelight_seal';
/** The payload on that channel of a sealer that has given its lease back. */
export const SEALER_RELEASED = 'released';

/** One batch holds the sealer's row for a few milliseconds and its events in memory. */
export const BATCH_EVENTS_MAX = 500;
/** One page of the log, whoever reads it. */
export const PAGE_EVENTS_MAX = 500;
/** An event is a line, not a document: the log keeps it forever. */
export const EVENT_BYTES_MAX = 8192;
