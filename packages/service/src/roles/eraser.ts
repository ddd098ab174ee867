import type { Logger } from 'pino';
import type { Clock } from '../core/clock.ts';
import type { Database } from '../db/database.ts';
import { eraseDue, signErasures } from '../erasure/index.ts';
import type { SealingKey } from '../events/index.ts';
import type { ObjectStore } from '../ports/object-store.ts';
import { type Background, runAttentive } from './background.ts';

export interface EraserDeps {
  readonly database: Database;
  readonly store: ObjectStore;
  readonly clock: Clock;
  readonly log: Logger;
  /** Signs receipts. */
  readonly key: () => Promise<Pick<SealingKey, 'keyId' | 'sign'>>;
  /** How often it looks for what is to be signed where nobody tells it, in milliseconds; 5 s if absent. */
  readonly pollMs?: number;
}

/** While there is something to sign, so that a receipt is there within a second of its deletion. */
const SIGN_EVERY_MS = 500;
const POLL_MS = 5_000;
/** The trash is counted in days. */
const DUE_EVERY_MS = 30_000;

/**
 * Erases what lay in the trash for long enough, and brings every erasure to its receipt: when its deletion is sealed,
 * without which none is signed. Everything is read from the database, in bounded batches, so any number of nodes may do
 * it and each may die at any time.
 */
export function startEraser(deps: EraserDeps): Background {
  const { database, clock, log, pollMs = POLL_MS } = deps;
  let dueAt = clock.monotonic();
  return runAttentive({
    database,
    deeds: ['image.deleted', 'tenant.deleted'],
    everyMs: Math.min(SIGN_EVERY_MS, pollMs),
    pollMs,
    turn: async (ending) => {
      if (clock.monotonic() >= dueAt) {
        dueAt = clock.monotonic() + DUE_EVERY_MS;
        const erased = await eraseDue(deps, ending);
        if (erased > 0) log.info({ images: erased }, 'erased images out of the trash');
      }
      const { taken } = await signErasures({ ...deps, key: await deps.key() });
      return taken > 0;
    },
    onError: (error) => log.warn({ err: error }, 'erasing failed; the next turn will try again'),
  });
}
