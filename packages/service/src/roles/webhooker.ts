import type { Logger } from 'pino';
import type { Clock } from '../core/clock.ts';
import { newId } from '../core/ids.ts';
import { Wakeup } from '../core/wakeup.ts';
import type { Database } from '../db/database.ts';
import { EVENTS_CHANNEL, listenForDeeds } from '../events/index.ts';
import type { FetchOutside } from '../outbound/index.ts';
import type { Metrics } from '../telemetry/metrics.ts';
import {
  type ClaimedWebhook,
  claimWebhooks,
  forgetDeliveries,
  LEASE_RENEWED_MS,
  nextDueMs,
  queueEvents,
  releaseWebhooks,
  renewWebhooks,
  tellWebhook,
  WEBHOOKS_CHANNEL,
} from '../webhooks/index.ts';
import type { Background } from './background.ts';

export interface WebhookerDeps {
  readonly database: Database;
  readonly clock: Clock;
  readonly log: Logger;
  readonly metrics: Metrics;
  readonly outside: FetchOutside;
  /** How often it looks where nobody tells it, in milliseconds; 5 s if absent. */
  readonly pollMs?: number;
}

/** Webhooks that one node tells at once: a receiver that hangs holds one of these for 15 s, then rests. */
const WEBHOOKS_AT_ONCE = 32;
/** What a lost notification costs; an attempt that falls due is waited for. */
const POLL_MS = 5_000;
/** After news: what was claimed has ended by then, or it takes longer. */
const NEWS_MS = 1_000;
/** Under a steady stream of events, this often and not for each. */
const REST_MS = 200;
const FORGET_EVERY_MS = 3_600_000;

/** Tells webhooks what has happened. Any number of nodes may: each webhook is told by one of them at a time. */
export function startWebhooker(deps: WebhookerDeps): Background {
  return new Webhooker(deps);
}

class Webhooker implements Background {
  readonly #deps: WebhookerDeps;
  readonly #holder: string;
  readonly #wakeup = new Wakeup();
  readonly #ending = new AbortController();
  readonly #served = new Map<string, Promise<void>>();
  readonly #unlisten: readonly (() => void)[];
  readonly #running: Promise<void>;
  /** Whether any webhook wants to be told, as of the last look: else nobody looks whatever happens. */
  #isWanted = true;
  #isNews = true;
  #forgottenAt: number;
  #renewedAt: number;

  constructor(deps: WebhookerDeps) {
    this.#deps = deps;
    const { database, clock } = deps;
    this.#holder = newId('node', clock);
    this.#forgottenAt = clock.monotonic();
    this.#renewedAt = clock.monotonic();
    this.#unlisten = [
      database.listen(EVENTS_CHANNEL, (payload) => {
        if (this.#isWanted || payload === '') this.#wake();
      }),
      database.listen(WEBHOOKS_CHANNEL, () => this.#wake()),
      listenForDeeds(database, ['webhook.created', 'webhook.changed', 'webhook.tested'], () => this.#wake()),
    ];
    this.#running = this.#run();
  }

  async stop(): Promise<void> {
    for (const unlisten of this.#unlisten) unlisten();
    this.#ending.abort();
    this.#wakeup.end();
    await this.#running;
  }

  #wake(): void {
    this.#isNews = true;
    this.#wakeup.signal();
  }

  async #run(): Promise<void> {
    const { signal } = this.#ending;
    while (!signal.aborted) {
      const waitMs = await this.#turn().catch((error: unknown) => {
        if (!signal.aborted) this.#deps.log.warn({ err: error }, 'webhooks wait: the database did not answer');
        return NEWS_MS;
      });
      await this.#wakeup.wait(REST_MS, this.#served.size > 0 ? Math.min(waitMs, LEASE_RENEWED_MS) : waitMs);
    }
    await Promise.all(this.#served.values());
  }

  /** @returns after how many milliseconds to look again, if nobody says so before. */
  async #turn(): Promise<number> {
    const { database, clock, pollMs = POLL_MS } = this.#deps;
    const isNews = this.#isNews;
    this.#isNews = false;
    if (this.#served.size > 0 && clock.monotonic() - this.#renewedAt > LEASE_RENEWED_MS) {
      this.#renewedAt = clock.monotonic();
      await renewWebhooks(database, this.#holder, [...this.#served.keys()]);
    }
    this.#isWanted = (await queueEvents(database)).isWanted;
    const claimed = this.#isWanted ? await this.#claim() : 0;
    if (clock.monotonic() - this.#forgottenAt > FORGET_EVERY_MS) {
      this.#forgottenAt = clock.monotonic();
      await forgetDeliveries(database, this.#ending.signal);
    }
    if (!this.#isWanted) return pollMs;
    // Under a steady stream of news nobody asks for how long nothing is due.
    if (isNews || claimed > 0) return NEWS_MS;
    const dueMs = (await nextDueMs(database)) ?? pollMs;
    return Math.min(Math.max(dueMs, NEWS_MS), pollMs);
  }

  async #claim(): Promise<number> {
    const claimed = await claimWebhooks(this.#deps.database, this.#holder, WEBHOOKS_AT_ONCE - this.#served.size);
    for (const webhook of claimed) {
      const serving = serve(this.#deps, this.#holder, webhook, this.#ending.signal).then((isMore) => {
        this.#served.delete(webhook.webhookId);
        if (isMore) this.#wake();
      });
      this.#served.set(webhook.webhookId, serving);
    }
    return claimed.length;
  }
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
