import type { Logger } from 'pino';
import type { Clock } from '../core/clock.ts';
import type { Wakeup } from '../core/wakeup.ts';
import type { Database } from '../db/database.ts';
import { eraseDue, signErasures } from '../erasure/index.ts';
import type { SealingKey } from '../events/index.ts';
import type { ObjectStore } from '../ports/object-store.ts';
import { type Background, runWoken } from './background.ts';

export interface EraserDeps {
  readonly database: Database;
  readonly store: ObjectStore;
  readonly clock: Clock;
  readonly log: Logger;
  /** Signs receipts. */
  readonly key: () => Promise<Pick<SealingKey, 'keyId' | 'sign'>>;
  /** How often it looks for what is to be signed, in milliseconds; half a second if absent. */
  readonly everyMs?: number;
}

/** A look at an empty index, so that a receipt is there within a second. */
const SIGN_EVERY_MS = 500;
/** The trash is counted in days. */
const DUE_EVERY_MS = 30_000;

/**
 * Erases what lay in the trash for long enough, and brings every erasure to its receipt. Everything is read from the
 * database, in bounded batches, so any number of nodes may do it and each may die at any time.
 */
export function startEraser(deps: EraserDeps): Background {
  return runWoken((wakeup, ending) => work(deps, wakeup, ending));
}

async function work(deps: EraserDeps, wakeup: Wakeup, ending: AbortSignal): Promise<void> {
  const { clock, log, everyMs = SIGN_EVERY_MS } = deps;
  let dueAt = clock.monotonic();
  while (!ending.aborted) {
    try {
      if (clock.monotonic() >= dueAt) {
        dueAt = clock.monotonic() + DUE_EVERY_MS;
        const erased = await eraseDue(deps, ending);
        if (erased > 0) log.info({ images: erased }, 'erased images out of the trash');
      }
      await signErasures({ ...deps, key: await deps.key() });
    } catch (error) {
      if (!ending.aborted) log.warn({ err: error }, 'erasing failed; the next turn will try again');
    }
    await wakeup.wait(everyMs, everyMs);
  }
}
