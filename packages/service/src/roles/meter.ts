import type { Logger } from 'pino';
import type { Clock } from '../core/clock.ts';
import type { Database } from '../db/database.ts';
import { EVENTS_CHANNEL } from '../events/index.ts';
import type { Metrics } from '../telemetry/metrics.ts';
import { foldUsage, keepPrices, type NodeCounts } from '../usage/index.ts';
import { type Background, runTurns, runWoken } from './background.ts';

/** Under a steady stream of events, this often and not for each; what reservations hold is let go as late. */
const REST_MS = 500;
/** Budgets are looked at this often while nothing happens: storage costs, and months end. */
const POLL_MS = 4_000;
/** The database does it once a minute, whoever asks. */
const PRICES_EVERY_MS = 20_000;
/** What a crash loses of what was counted, at most; quotas of a month are as late. */
const FLUSH_EVERY_MS = 2_500;

/** Follows the log and meters it. Any number of nodes do; the row that holds the place in the log lets one of them work. */
export function startMeter(deps: {
  readonly database: Database;
  readonly clock: Clock;
  readonly log: Logger;
  readonly metrics: Metrics;
}): Background {
  const { database, clock, log, metrics } = deps;
  let pricesAt = clock.monotonic();
  const meter = async (ending: AbortSignal) => {
    if (clock.monotonic() >= pricesAt) {
      await keepPrices(database);
      pricesAt = clock.monotonic() + PRICES_EVERY_MS;
    }
    for (let isMore = true; isMore && !ending.aborted; ) {
      const folded = await foldUsage(database, clock);
      metrics.meteredEvents.inc(folded.events);
      isMore = folded.isMore;
    }
  };
  return runWoken(
    async (wakeup, ending) => {
      while (!ending.aborted) {
        await meter(ending).catch((error: unknown) => log.warn({ err: error }, 'the meter will try again'));
        await wakeup.wait(REST_MS, POLL_MS);
      }
    },
    { database, channel: EVENTS_CHANNEL },
  );
}

/** Hands in what a node's front end has counted, every few seconds and at its end. */
export function startCountFlush(deps: {
  readonly database: Database;
  readonly log: Logger;
  readonly counts: NodeCounts;
}): Background {
  const { database, log, counts } = deps;
  const flushes = runTurns({
    everyMs: FLUSH_EVERY_MS,
    turn: () => counts.flush(database),
    onError: (error) => log.warn({ err: error }, 'what was counted will be handed in later'),
  });
  return {
    stop: async () => {
      await flushes.stop();
      // The one that was under way, if it failed, and then the rest.
      await flushes.now();
      await flushes.now();
    },
  };
}
