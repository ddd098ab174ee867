import type { Logger } from 'pino';
import type { Clock } from '../core/clock.ts';
import type { Database } from '../db/database.ts';
import { ObjectSweep, sweepIdempotencyKeys, sweepMarked } from '../images/index.ts';
import { sweepPeople } from '../people/index.ts';
import type { ObjectStore } from '../ports/object-store.ts';
import type { Metrics } from '../telemetry/metrics.ts';
import { sweepKeys } from '../tenants/index.ts';
import { sweepUploads } from '../uploads/index.ts';
import { type Background, runTurns } from './background.ts';
import { startTenantKeeper } from './tenant-keeper.ts';

export interface JanitorDeps {
  readonly database: Database;
  readonly store: ObjectStore;
  readonly clock: Clock;
  readonly log: Logger;
  readonly metrics: Metrics;
}

const SWEEP_EVERY_MS = 10 * 60 * 1000;
/** Longer than the longest upload, Idempotency-Key lease and job together: what is older will not be referenced any more. */
const UNREFERENCED_MS_MIN = 60 * 60 * 1000;

/** Sweeps again and again what crashes left behind: unreferenced objects, unfinished writes, old Idempotency-Keys. */
export function startJanitorRole(deps: JanitorDeps): Background {
  const { log, metrics, store, database } = deps;
  const objectSweep = new ObjectSweep(deps);
  const sweep = async (ending: AbortSignal) => {
    const marked = await sweepMarked(deps, ending);
    const staged = await sweepUploads(deps, ending);
    const objects = marked + staged + (await objectSweep.sweep(UNREFERENCED_MS_MIN, ending));
    if (ending.aborted) return;
    const unfinished = (await store.sweepUnfinished?.(UNREFERENCED_MS_MIN)) ?? 0;
    await sweepIdempotencyKeys(database);
    await sweepKeys(database);
    await sweepPeople(database);
    metrics.sweptObjects.inc(objects + unfinished);
    if (objects + unfinished > 0) log.info({ objects, unfinished }, 'swept what no row points at');
  };
  const onError = (error: unknown) => log.warn({ err: error }, 'a sweep failed; the next will try again');
  const sweeps = runTurns({ everyMs: SWEEP_EVERY_MS, turn: sweep, onError });
  void sweeps.now();
  const keeper = startTenantKeeper(deps);
  return {
    stop: async () => {
      await Promise.all([sweeps.stop(), keeper.stop()]);
    },
  };
}
