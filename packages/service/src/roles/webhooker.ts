import type { Logger } from 'pino';
import type { Clock } from '../core/clock.ts';
import { newId } from '../core/ids.ts';
import type { Wakeup } from '../core/wakeup.ts';
import type { Database } from '../db/database.ts';
import { EVENTS_CHANNEL } from '../events/index.ts';
import type { FetchOutside } from '../outbound/index.ts';
import type { Metrics } from '../telemetry/metrics.ts';
import {
  type ClaimedWebhook,
  claimWebhooks,
  forgetDeliveries,
  LEASE_RENEWED_MS,
  queueEvents,
  releaseWebhooks,
  renewWebhooks,
  tellWebhook,
} from '../webhooks/index.ts';
import { type Background, runWoken } from './background.ts';

export interface WebhookerDeps {
  readonly database: Database;
  readonly clock: Clock;
  readonly log: Logger;
  readonly metrics: Metrics;
  readonly outside: FetchOutside;
}

/** Webhooks that one node tells at once: a receiver that hangs holds one of these for 15 s, then rests. */
const WEBHOOKS_AT_ONCE = 32;
/** Attempts fall due without anybody saying so; also what a lost notification costs. */
const POLL_MS = 1_000;
/** Under a steady stream of events, this often and not for each. */
const REST_MS = 200;
const FORGET_EVERY_MS = 3_600_000;

/** Tells webhooks what has happened. Any number of nodes may: each webhook is told by one of them at a time. */
export function startWebhooker(deps: WebhookerDeps): Background {
  const { database, clock } = deps;
  const holder = newId('node', clock);
  return runWoken((wakeup, ending) => work(deps, holder, wakeup, ending), { database, channel: EVENTS_CHANNEL });
}

async function work(deps: WebhookerDeps, holder: string, wakeup: Wakeup, ending: AbortSignal): Promise<void> {
  const { database, clock, log } = deps;
  const served = new Map<string, Promise<void>>();
  let forgottenAt = clock.monotonic();
  let renewedAt = forgottenAt;
  while (!ending.aborted) {
    try {
      if (served.size > 0 && clock.monotonic() - renewedAt > LEASE_RENEWED_MS) {
        renewedAt = clock.monotonic();
        await renewWebhooks(database, holder, [...served.keys()]);
      }
      await queueEvents(database);
      const claimed = await claimWebhooks(database, holder, WEBHOOKS_AT_ONCE - served.size);
      for (const webhook of claimed) {
        const serving = serve(deps, holder, webhook, ending).then((isMore) => {
          served.delete(webhook.webhookId);
          if (isMore) wakeup.signal();
        });
        served.set(webhook.webhookId, serving);
      }
      if (clock.monotonic() - forgottenAt > FORGET_EVERY_MS) {
        forgottenAt = clock.monotonic();
        await forgetDeliveries(database, ending);
      }
    } catch (error) {
      if (!ending.aborted) log.warn({ err: error }, 'webhooks wait: the database did not answer');
    }
    await wakeup.wait(REST_MS, POLL_MS);
  }
  await Promise.all(served.values());
}

/** @returns whether more is due at once. */
async function serve(
  deps: WebhookerDeps,
  holder: string,
  webhook: ClaimedWebhook,
  ending: AbortSignal,
): Promise<boolean> {
  const { database, log, metrics } = deps;
  try {
    const told = await tellWebhook(deps, webhook, ending);
    metrics.webhookMessages.inc({ outcome: 'delivered' }, told.delivered);
    metrics.webhookMessages.inc({ outcome: 'failed' }, told.failed);
    return told.isMore;
  } catch (error) {
    log.warn(
      { err: error, webhookId: webhook.webhookId },
      'a webhook could not be told; it will be when its lease ends',
    );
    return false;
  } finally {
    await releaseWebhooks(database, holder, [webhook]).catch(() => undefined);
  }
}
