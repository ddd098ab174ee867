import type { EventType } from '@safelight/contract';
import type { Clock } from '../core/clock.ts';
import type { Database } from '../db/database.ts';
import { recordEvent } from '../events/index.ts';
import { type FetchOutside, OutsideError } from '../outbound/index.ts';
import { FAILING_HOURS_MAX, RETRY_SECONDS } from './model.ts';
import {
  CLAIM_WEBHOOKS,
  DISABLE,
  GIVE_UP_PENDING,
  LOOK_FOR_DUE,
  READ_DUE,
  RELEASE_WEBHOOKS,
  RENEW_WEBHOOKS,
  SETTLE_DELIVERED,
  SETTLE_FAILED,
} from './queue.sql.ts';
import { signedHeaders } from './sign.ts';

export interface TellDeps {
  readonly database: Database;
  readonly clock: Clock;
  readonly outside: FetchOutside;
}

/** A webhook that this node may tell, until its lease ends. */
export interface ClaimedWebhook {
  readonly tenantId: string;
  readonly webhookId: string;
  readonly url: string;
  /** The one that counts first. */
  readonly secrets: readonly Uint8Array[];
}

export interface Told {
  readonly delivered: number;
  readonly failed: number;
  /** More is due at once. */
  readonly isMore: boolean;
}

interface DueMessage {
  readonly event_id: string;
  readonly position: number;
  readonly type: EventType;
  readonly attempts: number;
  readonly subject: string;
  readonly image_id: string | null;
  readonly at: Date;
  readonly data: Readonly<Record<string, unknown>>;
}

interface Outcome {
  readonly status: number | undefined;
  readonly error: string | undefined;
  readonly retryAfterMs: number;
}

/** Twice what the specification asks receivers to answer within. */
const ANSWER_MS_MAX = 15_000;
const ANSWER_BYTES_MAX = 64 * 1024;
/** Requests to one receiver at once. */
const AT_ONCE = 4;
const BATCH_MAX = 20;
/** No request is begun later in a lease than this. */
const SERVE_MS_MAX = 20_000;
/** What a node held that died is told by another after this; who lives renews. */
const LEASE_MS = 10_000;
export const LEASE_RENEWED_MS = 2_500;
const RETRY_AFTER_MS_MAX = 3_600_000;
/** Of the wait between two attempts: what failed together is not tried together. */
const JITTER = 0.1;

/** Takes up to `limit` webhooks that have something due, each for one node at a time. */
export async function claimWebhooks(database: Database, holder: string, limit: number): Promise<ClaimedWebhook[]> {
  const rows = await database.query<{
    tenant_id: string;
    webhook_id: string;
    url: string;
    secret: Uint8Array;
    previous_secret: Uint8Array | null;
  }>(CLAIM_WEBHOOKS, [holder, LEASE_MS, limit]);
  return rows.map((row) => ({
    tenantId: row.tenant_id,
    webhookId: row.webhook_id,
    url: row.url,
    secrets: row.previous_secret ? [row.secret, row.previous_secret] : [row.secret],
  }));
}

/** In how many milliseconds a webhook can be claimed again; undefined when nothing waits. */
export async function nextDueMs(database: Database): Promise<number | undefined> {
  const [row] = await database.query<{ due_ms: number | null }>(LOOK_FOR_DUE);
  return row?.due_ms ?? undefined;
}

/** This node is still telling these. */
export async function renewWebhooks(database: Database, holder: string, webhookIds: readonly string[]): Promise<void> {
  await database.query(RENEW_WEBHOOKS, [holder, LEASE_MS, webhookIds]);
}

export async function releaseWebhooks(
  database: Database,
  holder: string,
  webhooks: readonly ClaimedWebhook[],
): Promise<void> {
  if (webhooks.length > 0) await database.query(RELEASE_WEBHOOKS, [holder, webhooks.map((one) => one.webhookId)]);
}

/** Sends what is due to a claimed webhook, in order of time, until there is no more, one has failed, or the turn is over. */
export async function tellWebhook(deps: TellDeps, webhook: ClaimedWebhook, ending: AbortSignal): Promise<Told> {
  const endMs = deps.clock.monotonic() + SERVE_MS_MAX;
  const told = { delivered: 0, failed: 0 };
  while (!ending.aborted && deps.clock.monotonic() < endMs) {
    const { tenantId, webhookId } = webhook;
    const due = await deps.database.query<DueMessage>(READ_DUE, [tenantId, webhookId, BATCH_MAX]);
    for (let start = 0; start < due.length; start += AT_ONCE) {
      if (ending.aborted || deps.clock.monotonic() >= endMs) return { ...told, isMore: true };
      const together = due.slice(start, start + AT_ONCE);
      const outcomes = await Promise.all(together.map((message) => tell(deps, webhook, message, ending)));
      told.delivered += outcomes.filter((isTaken) => isTaken).length;
      told.failed += outcomes.filter((isTaken) => isTaken === false).length;
      // It rests now; what else is due for it waits.
      if (told.failed > 0) return { ...told, isMore: false };
    }
    if (due.length < BATCH_MAX) return { ...told, isMore: false };
  }
  return { ...told, isMore: true };
}

/** @returns whether the receiver has taken it; undefined when this node ended meanwhile, which counts for nothing. */
async function tell(
  deps: TellDeps,
  webhook: ClaimedWebhook,
  message: DueMessage,
  ending: AbortSignal,
): Promise<boolean | undefined> {
  const { database, clock } = deps;
  const started = clock.monotonic();
  const outcome = await post(deps, webhook, message, ending);
  if (!outcome) return undefined;
  const tookMs = Math.round(clock.monotonic() - started);
  const { tenantId, webhookId } = webhook;
  const { status, error, retryAfterMs } = outcome;
  const key = [tenantId, webhookId, message.event_id] as const;
  if (error === undefined) {
    await database.query(SETTLE_DELIVERED, [...key, status ?? null, tookMs]);
    return true;
  }
  const waitSeconds = RETRY_SECONDS[message.attempts];
  const nextMs = waitSeconds === undefined ? null : waitSeconds * 1000 * (1 + JITTER * clock.random());
  const [failing] = await database.query<{ failing_hours: number }>(SETTLE_FAILED, [
    ...key,
    message.attempts,
    status ?? null,
    error,
    tookMs,
    nextMs,
    retryAfterMs,
  ]);
  if (status === 410) await disable(deps, webhook, 'the receiver answered 410 Gone');
  else if (nextMs === null && (failing?.failing_hours ?? 0) >= FAILING_HOURS_MAX) {
    await disable(deps, webhook, `nothing was taken for ${FAILING_HOURS_MAX} hours; last: ${error}`);
  }
  return false;
}

async function post(
  { clock, outside }: TellDeps,
  { url, secrets }: ClaimedWebhook,
  message: DueMessage,
  ending: AbortSignal,
): Promise<Outcome | undefined> {
  const body = bodyOf(message);
  try {
    const answer = await outside(url, {
      method: 'POST',
      headers: {
        'content-type': 'application/json',
        ...signedHeaders({ id: message.event_id, body }, secrets, clock.now()),
      },
      body,
      bytesMax: ANSWER_BYTES_MAX,
      msMax: ANSWER_MS_MAX,
      idleMsMax: ANSWER_MS_MAX,
      signal: ending,
    });
    // What it says besides is of no interest.
    answer.body.destroy();
    const { status, headers } = answer;
    const isTaken = status >= 200 && status < 300;
    return {
      status,
      error: isTaken ? undefined : `the receiver answered ${status}`,
      retryAfterMs: Math.min(1000 * (Number(headers['retry-after']) || 0), RETRY_AFTER_MS_MAX),
    };
  } catch (error) {
    if (ending.aborted) return undefined;
    if (!(error instanceof OutsideError)) throw error;
    return { status: undefined, error: error.message, retryAfterMs: 0 };
  }
}

/** Payload by the Standard Webhooks specification; nothing personal leaves the log by this way. */
function bodyOf({ type, at, position, subject, image_id: imageId, data }: DueMessage): string {
  const told = { position, subject, ...(imageId !== null && { imageId }), ...data };
  return JSON.stringify({ type, timestamp: at.toISOString(), data: told });
}

async function disable({ database, clock }: TellDeps, webhook: ClaimedWebhook, cause: string): Promise<void> {
  const { tenantId, webhookId } = webhook;
  await database.transaction(async (tx) => {
    const [disabled] = await tx.query(DISABLE, [tenantId, webhookId, cause]);
    if (!disabled) return;
    await tx.query(GIVE_UP_PENDING, [tenantId, webhookId]);
    const data = { webhookId, cause };
    await recordEvent(tx, clock, { tenantId, type: 'webhook.disabled', subject: webhookId, actor: 'system', data });
  });
}
