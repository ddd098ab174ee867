import type { Logger } from 'pino';
import type { Clock } from '../core/clock.ts';
import type { Database } from '../db/database.ts';
import { advancePasses, sweepFormerPresets } from '../presets/index.ts';

export interface PresetKeeperDeps {
  readonly database: Database;
  readonly clock: Clock;
  readonly log: Logger;
}

export interface PresetKeeper {
  stop(): Promise<void>;
}

/** Seldom enough to cost nothing: one look at an index that is empty nearly always. */
const TURN_EVERY_MS = 500;
const SWEEP_EVERY_MS = 10 * 60 * 1000;

/**
 * Makes pictures anew after a preset has changed, and drops what it stood for before. How far it has come stands in the
 * database, so any number of nodes may do it and each may die at any time.
 */
export function startPresetKeeper(deps: PresetKeeperDeps): PresetKeeper {
  const { clock, log } = deps;
  const ending = new AbortController();
  let running: Promise<void> | undefined;
  let sweepAt = clock.monotonic();
  const onError = (error: unknown) => log.warn({ err: error }, 'making pictures anew failed; it goes on in a minute');
  const work = async () => {
    await advancePasses({ ...deps, onError }, ending.signal);
    if (ending.signal.aborted || clock.monotonic() < sweepAt) return;
    const renditions = await sweepFormerPresets(deps, ending.signal);
    sweepAt = clock.monotonic() + SWEEP_EVERY_MS;
    if (renditions > 0) log.info({ renditions }, 'dropped renditions of what presets stood for before');
  };
  const turn = () => {
    // One that takes longer than the time between two is not followed by a queue of others.
    running ??= work()
      .catch((error: unknown) => log.warn({ err: error }, 'tending presets failed; the next turn will try again'))
      .finally(() => {
        running = undefined;
      });
  };
  const timer = setInterval(turn, TURN_EVERY_MS);
  return {
    stop: async () => {
      clearInterval(timer);
      ending.abort();
      await running;
    },
  };
}
