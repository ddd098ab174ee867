import type { Logger } from 'pino';
import type { Clock } from '../core/clock.ts';
import type { Database } from '../db/database.ts';
import type { ReadinessCheck } from '../http/index.ts';
import { countJobs, type LaneCount } from '../jobs/index.ts';
import type { ObjectStore } from '../ports/object-store.ts';
import type { Metrics } from '../telemetry/metrics.ts';
import type { Prober } from './prober.ts';
import type { WorkerRole } from './worker.ts';

export interface ReadinessDeps {
  readonly clock: Clock;
  readonly log: Logger;
  readonly database: Database;
  readonly store: ObjectStore;
  readonly metrics: Metrics;
  readonly prober: Prober | undefined;
  readonly workers: WorkerRole | undefined;
}

const CHECK_MS_MAX = 2_000;
/**
 * Somebody waits on each job of the `live` lane: when its head has stood this long, the installation does not keep up.
 * The other lanes may be behind for hours by one tenant's backlog, and nobody is to be refused for that.
 */
const QUEUE_SECONDS_MAX = 60;
/** One look serves everybody who asks within this time: it costs a write, and strangers may ask. */
const FRESH_MS = 1_000;

/** Looks at most once a second, however many ask. */
export function createReadiness(deps: ReadinessDeps): () => Promise<Record<string, ReadinessCheck>> {
  let last: { readonly at: number; readonly checks: Promise<Record<string, ReadinessCheck>> } | undefined;
  return () => {
    const now = deps.clock.monotonic();
    if (!last || now - last.at > FRESH_MS) last = { at: now, checks: checkReadiness(deps) };
    return last.checks;
  };
}

/** Asks everything that this node depends on, all at once, each for at most two seconds. */
async function checkReadiness(deps: ReadinessDeps): Promise<Record<string, ReadinessCheck>> {
  const { prober, workers } = deps;
  const [database, objects] = await Promise.all([
    attempt(deps.log, async () => checkQueue(deps.metrics, await countJobs(deps.database))),
    attempt(deps.log, async () => {
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
  for (const { lane, oldestSeconds } of lanes) metrics.queueAgeSeconds.set({ lane }, oldestSeconds);
  const liveSeconds = lanes.find(({ lane }) => lane === 'live')?.oldestSeconds ?? 0;
  if (liveSeconds <= QUEUE_SECONDS_MAX) return { ok: true };
  return { ok: false, detail: `live jobs have waited for ${Math.round(liveSeconds)} s` };
}

async function attempt(log: Logger, check: () => Promise<ReadinessCheck>): Promise<ReadinessCheck> {
  const { promise: late, resolve } = Promise.withResolvers<ReadinessCheck>();
  const timer = setTimeout(() => resolve({ ok: false, detail: `no answer within ${CHECK_MS_MAX} ms` }), CHECK_MS_MAX);
  try {
    return await Promise.race([check(), late]);
  } catch (error) {
    // The reason names folders and addresses: it is for the log, not for whoever asks.
    log.warn({ err: error }, 'not ready');
    return { ok: false, detail: 'does not work; the log of the node says why' };
  } finally {
    clearTimeout(timer);
  }
}
