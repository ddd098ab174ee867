import type { Logger } from 'pino';
import type { Clock } from '../core/clock.ts';
import type { Database } from '../db/database.ts';
import { ObjectSweep, sweepIdempotencyKeys, sweepMarked } from '../images/index.ts';
import { sweepPeople } from '../people/index.ts';
import type { ObjectStore } from '../ports/object-store.ts';
import type { Metrics } from '../telemetry/metrics.ts';
import { sweepKeys } from '../tenants/index.ts';
import { sweepUploads } from '../uploads/index.ts';
import { startTenantKeeper } from './tenant-keeper.ts';

export interface JanitorDeps {
  readonly database: Database;
  readonly store: ObjectStore;
  readonly clock: Clock;
  readonly log: Logger;
  readonly metrics: Metrics;
}

export interface JanitorRole {
  stop(): Promise<void>;
}

const SWEEP_EVERY_MS = 10 * 60 * 1000;
/** Longer than the longest upload, Idempotency-Key lease and job together: what is older will not be referenced any more. */
const UNREFERENCED_MS_MIN = 60 * 60 * 1000;

/** Sweeps again and again what crashes left behind: unreferenced objects, unfinished writes, old Idempotency-Keys. */
export function startJanitorRole(deps: JanitorDeps): JanitorRole {
  const { log, metrics, store, database } = deps;
  const objectSweep = new ObjectSweep(deps);
  const ending = new AbortController();
  let running: Promise<void> | undefined;
  const sweep = async () => {
    const marked = await sweepMarked(deps, ending.signal);
    const staged = await sweepUploads(deps, ending.signal);
    const objects = marked + staged + (await objectSweep.sweep(UNREFERENCED_MS_MIN, ending.signal));
    if (ending.signal.aborted) return;
    const unfinished = (await store.sweepUnfinished?.(UNREFERENCED_MS_MIN)) ?? 0;
    await sweepIdempotencyKeys(database);
    await sweepKeys(database);
    await sweepPeople(database);
    metrics.sweptObjects.inc(objects + unfinished);
    if (objects + unfinished > 0) log.info({ objects, unfinished }, 'swept what no row points at');
  };
  const turn = () => {
    // One that takes longer than the time between two is not followed by a queue of others.
    running ??= sweep()
      .catch((error: unknown) => log.warn({ err: error }, 'a sweep failed; the next will try again'))
      .finally(() => {
        running = undefined;
      });
  };
  const timer = setInterval(turn, SWEEP_EVERY_MS);
  turn();
  const keeper = startTenantKeeper(deps);
  return {
    stop: async () => {
      clearInterval(timer);
      ending.abort();
      await keeper.stop();
      await running;
    },
  };
}
