import type { Logger } from 'pino';
import type { Clock } from '../core/clock.ts';
import { Wakeup } from '../core/wakeup.ts';
import type { Database } from '../db/database.ts';
import { EVENTS_CHANNEL } from '../events/index.ts';
import type { Metrics } from '../telemetry/metrics.ts';
import { foldUsage, keepPrices, type NodeCounts } from '../usage/index.ts';

/** Under a steady stream of events, this often and not for each; what reservations hold is let go as late. */
const REST_MS = 500;
/** Budgets are looked at this often while nothing happens: storage costs, and months end. */
const POLL_MS = 4_000;
/** What a crash loses of what was counted, at most; quotas of a month are as late. */
const FLUSH_EVERY_MS = 2_500;

interface Running {
  stop(): Promise<void>;
}

/** Follows the log and meters it. Any number of nodes do; the row that holds the place in the log lets one of them work. */
export function startMeter(deps: {
  readonly database: Database;
  readonly clock: Clock;
  readonly log: Logger;
  readonly metrics: Metrics;
}): Running {
  const { database, clock, log, metrics } = deps;
  const wakeup = new Wakeup();
  let isEnding = false;
  const unlisten = database.listen(EVENTS_CHANNEL, () => wakeup.signal());
  const meter = async () => {
    await keepPrices(database);
    for (let isMore = true; isMore && !isEnding; ) {
      const folded = await foldUsage(database, clock);
      metrics.meteredEvents.inc(folded.events);
      isMore = folded.isMore;
    }
  };
  const work = async () => {
    while (!isEnding) {
      await meter().catch((error: unknown) => log.warn({ err: error }, 'the meter will try again'));
      await wakeup.wait(REST_MS, POLL_MS);
    }
  };
  const running = work();
  return {
    stop: async () => {
      isEnding = true;
      unlisten();
      wakeup.end();
      await running;
    },
  };
}

/** Hands in what a node's front end has counted, every few seconds and at its end. */
export function startCountFlush(deps: {
  readonly database: Database;
  readonly log: Logger;
  readonly counts: NodeCounts;
}): Running {
  const { database, log, counts } = deps;
  let flushing: Promise<void> | undefined;
  const flush = () => {
    flushing ??= counts
      .flush(database)
      .catch((error: unknown) => log.warn({ err: error }, 'what was counted will be handed in later'))
      .finally(() => {
        flushing = undefined;
      });
    return flushing;
  };
  const timer = setInterval(flush, FLUSH_EVERY_MS);
  return {
    stop: async () => {
      clearInterval(timer);
      await flushing;
      // The one that was under way, if it failed, and then the rest.
      await flush();
      await flush();
    },
  };
}
