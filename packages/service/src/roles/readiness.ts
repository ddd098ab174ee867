import type { Database } from '../db/database.ts';
import type { ReadinessCheck } from '../http/index.ts';
import { countJobs, type LaneCount } from '../jobs/index.ts';
import type { ObjectStore } from '../ports/object-store.ts';
import type { Metrics } from '../telemetry/metrics.ts';
import type { Prober } from './prober.ts';
import type { WorkerRole } from './worker.ts';

export interface ReadinessDeps {
  readonly database: Database;
  readonly store: ObjectStore;
  readonly metrics: Metrics;
  readonly prober: Prober | undefined;
  readonly workers: WorkerRole | undefined;
}

const CHECK_MS_MAX = 2_000;
/** A queue whose head has waited longer than this does not keep up; new uploads go to another node, or wait. */
const QUEUE_SECONDS_MAX = 300;

/** Asks everything that this node depends on, all at once, each for at most two seconds. */
export async function checkReadiness(deps: ReadinessDeps): Promise<Record<string, ReadinessCheck>> {
  const { prober, workers } = deps;
  const [database, objects] = await Promise.all([
    attempt(async () => checkQueue(deps.metrics, await countJobs(deps.database))),
    attempt(async () => {
      await deps.store.check();
      return { ok: true };
    }),
  ]);
  return {
    database,
    objects,
    ...(prober && { probe: prober.alive ? { ok: true } : { ok: false, detail: 'the probe process is being started' } }),
    ...(workers && { workers: checkWorkers(workers) }),
  };
}

function checkWorkers(workers: WorkerRole): ReadinessCheck {
  const { alive, wanted } = workers.counts();
  return { ok: alive > 0, detail: `${alive} of ${wanted} worker processes stand` };
}

function checkQueue(metrics: Metrics, lanes: readonly LaneCount[]): ReadinessCheck {
  for (const { lane, ...counts } of lanes) {
    for (const state of ['queued', 'delayed', 'leased', 'dead'] as const)
      metrics.queueJobs.set({ lane, state }, counts[state]);
  }
  const oldestSeconds = Math.max(0, ...lanes.map((lane) => lane.oldestSeconds));
  metrics.queueAgeSeconds.set(oldestSeconds);
  const isBehind = oldestSeconds > QUEUE_SECONDS_MAX;
  return { ok: !isBehind, ...(isBehind && { detail: `the queue is ${Math.round(oldestSeconds)} s behind` }) };
}

async function attempt(check: () => Promise<ReadinessCheck>): Promise<ReadinessCheck> {
  const { promise: late, resolve } = Promise.withResolvers<ReadinessCheck>();
  const timer = setTimeout(() => resolve({ ok: false, detail: `no answer within ${CHECK_MS_MAX} ms` }), CHECK_MS_MAX);
  try {
    return await Promise.race([check(), late]);
  } catch (error) {
    return { ok: false, detail: error instanceof Error ? error.message : String(error) };
  } finally {
    clearTimeout(timer);
  }
}
