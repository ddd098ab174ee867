import type { Logger } from 'pino';
import type { Clock } from '../core/clock.ts';
import type { Database } from '../db/database.ts';
import { advancePasses, sweepFormerPresets } from '../presets/index.ts';
import { type Background, runAttentive } from './background.ts';

export interface PresetKeeperDeps {
  readonly database: Database;
  readonly clock: Clock;
  readonly log: Logger;
  /** How often it looks where nobody tells it, in milliseconds; 5 s if absent. */
  readonly pollMs?: number;
}

/** While a pass is under way. */
const TURN_EVERY_MS = 500;
/** A pass that rests, and the second look after one, fall due with time alone; by the minute. */
const POLL_MS = 5_000;
const SWEEP_EVERY_MS = 10 * 60 * 1000;

/**
 * Makes pictures anew after a preset has changed, and drops what it stood for before. How far it has come stands in the
 * database, so any number of nodes may do it and each may die at any time.
 */
export function startPresetKeeper(deps: PresetKeeperDeps): Background {
  const { database, clock, log, pollMs = POLL_MS } = deps;
  let sweepAt = clock.monotonic();
  const onError = (error: unknown) => log.warn({ err: error }, 'making pictures anew failed; it goes on in a minute');
  return runAttentive({
    database,
    deeds: ['preset.changed', 'preset.removed', 'tenant.resumed'],
    everyMs: TURN_EVERY_MS,
    pollMs,
    turn: async (ending) => {
      const { passes } = await advancePasses({ ...deps, onError }, ending);
      if (ending.aborted || clock.monotonic() < sweepAt) return passes > 0;
      const renditions = await sweepFormerPresets(deps, ending);
      sweepAt = clock.monotonic() + SWEEP_EVERY_MS;
      if (renditions > 0) log.info({ renditions }, 'dropped renditions of what presets stood for before');
      return passes > 0;
    },
    onError: (error) => log.warn({ err: error }, 'tending presets failed; the next turn will try again'),
  });
}
