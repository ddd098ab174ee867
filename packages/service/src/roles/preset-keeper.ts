import type { Logger } from 'pino';
import type { Clock } from '../core/clock.ts';
import type { Database } from '../db/database.ts';
import { advancePasses, sweepFormerPresets } from '../presets/index.ts';
import { type Background, runTurns } from './background.ts';

export interface PresetKeeperDeps {
  readonly database: Database;
  readonly clock: Clock;
  readonly log: Logger;
}

/** Seldom enough to cost nothing: one look at an index that is empty nearly always. */
const TURN_EVERY_MS = 500;
const SWEEP_EVERY_MS = 10 * 60 * 1000;

/**
 * Makes pictures anew after a preset has changed, and drops what it stood for before. How far it has come stands in the
 * database, so any number of nodes may do it and each may die at any time.
 */
export function startPresetKeeper(deps: PresetKeeperDeps): Background {
  const { clock, log } = deps;
  let sweepAt = clock.monotonic();
  const onError = (error: unknown) => log.warn({ err: error }, 'making pictures anew failed; it goes on in a minute');
  return runTurns({
    everyMs: TURN_EVERY_MS,
    turn: async (ending) => {
      await advancePasses({ ...deps, onError }, ending);
      if (ending.aborted || clock.monotonic() < sweepAt) return;
      const renditions = await sweepFormerPresets(deps, ending);
      sweepAt = clock.monotonic() + SWEEP_EVERY_MS;
      if (renditions > 0) log.info({ renditions }, 'dropped renditions of what presets stood for before');
    },
    onError: (error) => log.warn({ err: error }, 'tending presets failed; the next turn will try again'),
  });
}
