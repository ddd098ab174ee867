import type { EventType } from '@safelight/contract';
import type { Clock } from '../core/clock.ts';
import { newId } from '../core/ids.ts';
import type { Transaction } from '../db/database.ts';
import { statement } from '../db/statement.ts';
import { recordEvent } from '../events/index.ts';
import { SECRET_BYTES, WEBHOOKS_MAX, type Webhook } from './model.ts';
import { GIVE_UP_PENDING } from './queue.sql.ts';
import { secretText } from './sign.ts';

export interface Author {
  readonly tenantId: string;
  /** A key's or a person's id. */
  readonly actor: string;
}

export interface WebhookChange {
  readonly url?: string | undefined;
  readonly description?: string | undefined;
  /** Null: all. */
  readonly eventTypes?: readonly EventType[] | null | undefined;
  readonly state?: 'enabled' | 'disabled' | undefined;
}

/** A tenant has as many webhooks as it may have. */
export class TooManyWebhooksError extends Error {
  override readonly name = 'TooManyWebhooksError';
}

interface WebhookRow {
  readonly webhook_id: string;
  readonly url: string;
  readonly description: string;
  readonly event_types: readonly EventType[] | null;
  readonly state: 'enabled' | 'disabled';
  readonly disabled_cause: string | null;
  readonly failing_since: Date | null;
  readonly created_at: Date;
}

const COLUMNS = 'webhook_id, url, description, event_types, state, disabled_cause, failing_since, created_at';
// All by primary key, or the few of one tenant.
const selectWebhooks = statement(
  'webhooks_select',
  `SELECT ${COLUMNS} FROM webhooks WHERE tenant_id = $1 AND ($2::text IS NULL OR webhook_id = $2) ORDER BY webhook_id`,
);
// Of two that make the last one at once, one waits for the other and counts it.
const lockWebhooks = statement('webhooks_lock', `SELECT pg_advisory_xact_lock(hashtextextended('webhooks ' || $1, 0))`);
const countWebhooks = statement('webhooks_count', 'SELECT count(*) AS webhooks FROM webhooks WHERE tenant_id = $1');
const insertWebhook = statement(
  'webhooks_insert',
  `INSERT INTO webhooks (tenant_id, webhook_id, url, description, event_types, secret)
   VALUES ($1, $2, $3, $4, $5, $6) RETURNING ${COLUMNS}`,
);
/** A webhook that is enabled again is asked at once. */
const updateWebhook = statement(
  'webhooks_update',
  `UPDATE webhooks SET url = coalesce($3, url), description = coalesce($4, description),
     event_types = CASE WHEN $5 THEN $6::text[] ELSE event_types END, state = coalesce($7, state),
     disabled_cause = CASE coalesce($7, state) WHEN 'enabled' THEN NULL
       ELSE coalesce(disabled_cause, 'by the tenant') END,
     failing_since = CASE WHEN $7 = 'enabled' THEN NULL ELSE failing_since END,
     failures = CASE WHEN $7 = 'enabled' THEN 0 ELSE failures END,
     rests_until = CASE WHEN $7 = 'enabled' THEN '-infinity' ELSE rests_until END
   WHERE tenant_id = $1 AND webhook_id = $2 RETURNING ${COLUMNS}`,
);
const deleteWebhook = statement(
  'webhooks_delete',
  'DELETE FROM webhooks WHERE tenant_id = $1 AND webhook_id = $2 RETURNING 1',
);
const rotateSecret = statement(
  'webhooks_rotate_secret',
  `UPDATE webhooks SET previous_secret = secret, previous_until = clock_timestamp() + $4 * interval '1 s', secret = $3
   WHERE tenant_id = $1 AND webhook_id = $2 RETURNING previous_until`,
);

export async function listWebhooks(tx: Transaction, tenantId: string): Promise<Webhook[]> {
  return (await tx.query<WebhookRow>(selectWebhooks, [tenantId, null])).map(toWebhook);
}

export async function getWebhook(tx: Transaction, tenantId: string, webhookId: string): Promise<Webhook | undefined> {
  const [row] = await tx.query<WebhookRow>(selectWebhooks, [tenantId, webhookId]);
  return row && toWebhook(row);
}

/** Makes a webhook: it is told of what happens from now on. @throws TooManyWebhooksError */
export async function createWebhook(
  tx: Transaction,
  clock: Clock,
  author: Author,
  wanted: { readonly url: string; readonly description: string; readonly eventTypes: readonly EventType[] | undefined },
): Promise<{ readonly webhook: Webhook; readonly secret: string }> {
  const { tenantId } = author;
  // The lock is a statement of its own: one that counts and locks at once would count what it saw before.
  await tx.query(lockWebhooks, [tenantId]);
  const [count] = await tx.query<{ webhooks: number }>(countWebhooks, [tenantId]);
  if ((count?.webhooks ?? 0) >= WEBHOOKS_MAX) {
    throw new TooManyWebhooksError(`${WEBHOOKS_MAX} webhooks are as many as a tenant may have`);
  }
  const webhookId = newId('webhook', clock);
  const secret = clock.bytes(SECRET_BYTES);
  const eventTypes = wanted.eventTypes ? [...wanted.eventTypes] : null;
  const values = [tenantId, webhookId, wanted.url, wanted.description, eventTypes, secret];
  const [row] = await tx.query<WebhookRow>(insertWebhook, values);
  if (!row) throw new Error('an insert returned nothing');
  await tell(tx, clock, author, 'webhook.created', webhookId);
  return { webhook: toWebhook(row), secret: secretText(secret) };
}

/** @returns undefined when there is no such webhook. */
export async function changeWebhook(
  tx: Transaction,
  clock: Clock,
  author: Author,
  webhookId: string,
  change: WebhookChange,
): Promise<Webhook | undefined> {
  const { url = null, description = null, eventTypes, state = null } = change;
  const types = eventTypes ? [...eventTypes] : null;
  const values = [author.tenantId, webhookId, url, description, eventTypes !== undefined, types, state];
  const [row] = await tx.query<WebhookRow>(updateWebhook, values);
  if (!row) return undefined;
  if (state === 'disabled') await tx.query(GIVE_UP_PENDING, [author.tenantId, webhookId]);
  await tell(tx, clock, author, 'webhook.changed', webhookId);
  return toWebhook(row);
}

/** Removes a webhook with its log of deliveries. @returns whether there was one. */
export async function removeWebhook(
  tx: Transaction,
  clock: Clock,
  author: Author,
  webhookId: string,
): Promise<boolean> {
  const [row] = await tx.query(deleteWebhook, [author.tenantId, webhookId]);
  if (row) await tell(tx, clock, author, 'webhook.removed', webhookId);
  return row !== undefined;
}

/**
 * Gives a webhook a new secret; the old one signs beside it for `overlapSeconds`, and only the one before it.
 * @returns undefined when there is no such webhook.
 */
export async function rotateWebhookSecret(
  tx: Transaction,
  clock: Clock,
  author: Author,
  webhookId: string,
  overlapSeconds: number,
): Promise<{ readonly secret: string; readonly previousUntil: Date } | undefined> {
  const secret = clock.bytes(SECRET_BYTES);
  const values = [author.tenantId, webhookId, secret, overlapSeconds];
  const [row] = await tx.query<{ previous_until: Date }>(rotateSecret, values);
  if (!row) return undefined;
  await tell(tx, clock, author, 'webhook.secret_rotated', webhookId);
  return { secret: secretText(secret), previousUntil: row.previous_until };
}

/** Has one message sent to this webhook alone, whatever types it asked for. @returns whether there is such a webhook. */
export async function testWebhook(tx: Transaction, clock: Clock, author: Author, webhookId: string): Promise<boolean> {
  if (!(await getWebhook(tx, author.tenantId, webhookId))) return false;
  await tell(tx, clock, author, 'webhook.tested', webhookId);
  return true;
}

function tell(
  tx: Transaction,
  clock: Clock,
  { tenantId, actor }: Author,
  type: 'webhook.created' | 'webhook.changed' | 'webhook.removed' | 'webhook.secret_rotated' | 'webhook.tested',
  webhookId: string,
): Promise<void> {
  return recordEvent(tx, clock, { tenantId, type, subject: webhookId, actor, data: { webhookId } });
}

function toWebhook(row: WebhookRow): Webhook {
  return {
    webhookId: row.webhook_id,
    url: row.url,
    description: row.description,
    eventTypes: row.event_types ?? undefined,
    state: row.state,
    disabledCause: row.disabled_cause ?? undefined,
    failingSince: row.failing_since ?? undefined,
    createdAt: row.created_at,
  };
}
