import type { EventType } from '@safelight/contract';
import type { Queryable } from '../db/database.ts';
import { statement } from '../db/statement.ts';
import { type Delivery, WEBHOOKS_CHANNEL } from './model.ts';

interface DeliveryRow {
  readonly event_id: string;
  readonly position: number;
  readonly type: EventType;
  readonly state: Delivery['state'];
  readonly attempts: number;
  readonly next_at: Date;
  readonly status: number | null;
  readonly error: string | null;
  readonly took_ms: number | null;
  readonly attempted_at: Date | null;
  readonly created_at: Date;
}

/** As many events as one call sends again. */
const AGAIN_MAX = 10_000;

// A range of webhook_deliveries_by_position, backwards.
const selectDeliveries = statement(
  'webhooks_select_deliveries',
  `SELECT event_id, position, type, state, attempts, next_at, status, error, took_ms, attempted_at, created_at
   FROM webhook_deliveries
   WHERE tenant_id = $1 AND webhook_id = $2 AND position < $3 AND ($4::text IS NULL OR state = $4)
   ORDER BY position DESC LIMIT $5`,
);
/** No event tells of it. Said once in a transaction, for however many rows. */
const TELL = `pg_notify('${WEBHOOKS_CHANNEL}', '')`;
const QUEUE_AGAIN = `state = 'pending', attempts = 0, next_at = clock_timestamp()`;
// The webhook may have been resting; who asks for it wants it now.
const wake = `UPDATE webhooks SET rests_until = '-infinity' WHERE tenant_id = $1 AND webhook_id = $2 AND state = 'enabled'`;
const redeliverOne = statement(
  'webhooks_redeliver_one',
  `WITH woken AS (${wake} RETURNING 1)
   UPDATE webhook_deliveries SET ${QUEUE_AGAIN}
   WHERE tenant_id = $1 AND webhook_id = $2 AND event_id = $3 AND EXISTS (SELECT FROM woken) RETURNING ${TELL}`,
);
// By position: what a webhook missed while it was disabled was never queued and is taken from the log.
const redeliverSince = statement(
  'webhooks_redeliver_since',
  `WITH woken AS (${wake} RETURNING event_types), missed AS (
     SELECT e.tenant_id, e.event_id, e.position, e.type FROM woken, events e
     WHERE e.tenant_id = $1 AND e.at >= $3 AND e.type <> 'webhook.tested'
       AND (woken.event_types IS NULL OR e.type = ANY (woken.event_types))
       AND NOT EXISTS (SELECT FROM webhook_deliveries d WHERE d.tenant_id = $1 AND d.webhook_id = $2
         AND d.event_id = e.event_id AND d.state <> 'failed')
     ORDER BY e.position LIMIT $4
   )
   INSERT INTO webhook_deliveries (tenant_id, webhook_id, event_id, position, type)
   SELECT tenant_id, $2, event_id, position, type FROM missed
   ON CONFLICT (tenant_id, webhook_id, event_id) DO UPDATE SET ${QUEUE_AGAIN} WHERE webhook_deliveries.state = 'failed'
   RETURNING ${TELL}`,
);

/** The log of a webhook's deliveries, the newest event first, from before `beforePosition`. */
export async function listDeliveries(
  db: Queryable,
  webhook: { readonly tenantId: string; readonly webhookId: string },
  page: {
    readonly beforePosition: number | undefined;
    readonly state: Delivery['state'] | undefined;
    readonly limit: number;
  },
): Promise<Delivery[]> {
  const { beforePosition = Number.MAX_SAFE_INTEGER, state = null, limit } = page;
  const values = [webhook.tenantId, webhook.webhookId, beforePosition, state, limit];
  return (await db.query<DeliveryRow>(selectDeliveries, values)).map(toDelivery);
}

/** Sends one message again, whatever became of it. @returns false when there is none, or the webhook is disabled. */
export async function redeliver(
  db: Queryable,
  { tenantId, webhookId, eventId }: { readonly tenantId: string; readonly webhookId: string; readonly eventId: string },
): Promise<boolean> {
  return (await db.query(redeliverOne, [tenantId, webhookId, eventId])).length > 0;
}

/** Sends all that was given up or missed since a moment, the oldest 10,000 first. @returns how many were queued. */
export async function redeliverMissed(
  db: Queryable,
  { tenantId, webhookId, since }: { readonly tenantId: string; readonly webhookId: string; readonly since: Date },
): Promise<number> {
  return (await db.query(redeliverSince, [tenantId, webhookId, since, AGAIN_MAX])).length;
}

function toDelivery(row: DeliveryRow): Delivery {
  return {
    eventId: row.event_id,
    position: row.position,
    type: row.type,
    state: row.state,
    attempts: row.attempts,
    nextAt: row.state === 'pending' ? row.next_at : undefined,
    status: row.status ?? undefined,
    error: row.error ?? undefined,
    tookMs: row.took_ms ?? undefined,
    attemptedAt: row.attempted_at ?? undefined,
    createdAt: row.created_at,
  };
}
