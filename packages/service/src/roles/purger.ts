import { setTimeout as pause } from 'node:timers/promises';
import type { Logger } from 'pino';
import { backoffMs } from '../core/backoff.ts';
import type { Clock } from '../core/clock.ts';
import { newId } from '../core/ids.ts';
import type { Wakeup } from '../core/wakeup.ts';
import type { Database } from '../db/database.ts';
import {
  EVENTS_CHANNEL,
  finishPurges,
  type PurgePass,
  type Purges,
  readPurges,
  releasePurges,
  type Stale,
} from '../events/index.ts';
import type { Metrics } from '../telemetry/metrics.ts';
import { type Background, runWoken } from './background.ts';

export interface PurgerDeps {
  readonly database: Database;
  readonly clock: Clock;
  readonly log: Logger;
  readonly metrics: Metrics;
  /** Takes POST of `{"surrogateKeys": […]}`, and answers 2xx when it has dropped what carries one of them. */
  readonly url: string;
  /** Sent as a bearer token. */
  readonly token: string | undefined;
}

/**
 * The first word goes out at once. A request that a node began to answer before it had heard may still bring the old
 * answer to the cache afterwards: the second goes out when that can no longer be, which is after the age that facts
 * may reach on a node that hears nothing (5 s), and as much again for what is on its way.
 */
const PASSES = { at_once: 0, settled: 10_000 } as const satisfies Record<PurgePass, number>;
/** A notification that was lost costs this; it is also how often an idle purger looks. */
const POLL_MS = 5_000;
/** Under a steady stream of events, this often and not for each. */
const REST_MS = 250;
const POST_MS_MAX = 10_000;
const BACKOFF = { baseMs: 500, capMs: 60_000 } as const;

/**
 * Tells a cache in front of the installation what to drop. The log of events is its queue and a row its place in it,
 * so nothing waits in memory, and a crash or an outage of the cache repeats what was not confirmed: each purge is told
 * at least once, however long that takes. Of several purgers one works, the others wait for its lease.
 */
export function startPurger(deps: PurgerDeps): Background {
  const { database } = deps;
  const holder = newId('node', deps.clock);
  const news = { database, channel: EVENTS_CHANNEL };
  const telling = runWoken((wakeup, ending) => work(deps, holder, wakeup, ending), news);
  return {
    stop: async () => {
      await telling.stop();
      await releasePurges(database, holder).catch(() => undefined);
    },
  };
}

async function work(deps: PurgerDeps, holder: string, wakeup: Wakeup, ending: AbortSignal): Promise<void> {
  const { clock, log, metrics } = deps;
  for (let failures = 0; !ending.aborted; ) {
    let restMs = POLL_MS;
    try {
      for (const pass of ['at_once', 'settled'] as const) {
        restMs = Math.min(restMs, await tellDue(deps, pass, holder, ending));
      }
      failures = 0;
    } catch (error) {
      if (ending.aborted) return;
      failures += 1;
      restMs = REST_MS + backoffMs(failures, BACKOFF, clock.random());
      metrics.purges.inc({ outcome: 'failed' });
      log.warn({ err: error, failures, retryInMs: restMs }, 'the cache in front could not be told what to drop');
    }
    // A failure's rest is not cut short by news: they would fail as well.
    if (failures > 0) await pause(restMs, undefined, { signal: ending }).catch(() => undefined);
    else await wakeup.wait(REST_MS, Math.max(restMs, REST_MS));
  }
}

/** Tells all that is due of a pass. @returns milliseconds until more may be. */
async function tellDue(deps: PurgerDeps, pass: PurgePass, holder: string, ending: AbortSignal): Promise<number> {
  for (;;) {
    const purges: Purges | undefined = await readPurges(deps.database, pass, holder, PASSES[pass]);
    if (!purges) return POLL_MS;
    if (purges.stale.length > 0) await post(deps, purges.stale, ending);
    await finishPurges(deps.database, purges);
    if (!purges.isMore || ending.aborted) return purges.nextDueMs ?? POLL_MS;
  }
}

async function post({ url, token, metrics }: PurgerDeps, stale: readonly Stale[], ending: AbortSignal): Promise<void> {
  const surrogateKeys = [...new Set(stale.map(({ tenantId, imageId }) => imageId ?? tenantId))];
  const response = await fetch(url, {
    method: 'POST',
    headers: {
      'content-type': 'application/json',
      ...(token !== undefined && { authorization: `Bearer ${token}` }),
    },
    body: JSON.stringify({ surrogateKeys }),
    // A token goes where the operator sent it, and nowhere else.
    redirect: 'error',
    signal: AbortSignal.any([ending, AbortSignal.timeout(POST_MS_MAX)]),
  });
  await response.body?.cancel();
  if (!response.ok) throw new Error(`the cache in front answered ${response.status} to a purge`);
  metrics.purges.inc({ outcome: 'told' }, surrogateKeys.length);
}
