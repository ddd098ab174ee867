import { randomUUID } from 'node:crypto';
import { hostname } from 'node:os';
import { setTimeout as pause } from 'node:timers/promises';
import type { Logger } from 'pino';
import { type Config, isLoopback } from '../config.ts';
import { systemClock } from '../core/clock.ts';
import type { Database } from '../db/database.ts';
import { readMigrations } from '../db/migrate.ts';
import { type Heartbeat, startHeartbeat } from '../roles/heartbeat.ts';
import type { WorkerRole } from '../roles/worker.ts';
import type { Metrics } from '../telemetry/metrics.ts';
import { readVersion } from '../version.ts';

/** As long as a balancer that looks every second and turns away at the third bad look needs, and some. */
const DRAIN_SECONDS = 5;

/** Writes this node into the registry, as one that starts. */
export async function joinFleet(
  config: Config,
  deps: {
    readonly database: Database;
    readonly log: Logger;
    readonly metrics: Metrics;
    readonly nodeId: string;
  },
): Promise<Heartbeat> {
  const { nodeId, ...rest } = deps;
  return startHeartbeat({
    ...rest,
    clock: systemClock,
    node: {
      nodeId,
      bootId: randomUUID(),
      roles: [...config.SAFELIGHT_ROLES],
      version: readVersion(),
      schemaVersion: (await readMigrations()).length,
      workerProcesses: config.SAFELIGHT_ROLES.has('worker') ? config.SAFELIGHT_WORKERS : 0,
      memoryBytes: config.SAFELIGHT_MEMORY,
      host: hostname(),
    },
  });
}

/** How long a node that was told to end goes on answering, where it answers at all. */
export function drainMs(config: Config): number {
  if (!config.SAFELIGHT_ROLES.has('api')) return 0;
  return 1000 * (config.SAFELIGHT_DRAIN_SECONDS ?? (isLoopback(config.SAFELIGHT_HOST) ? 0 : DRAIN_SECONDS));
}

/**
 * Takes nothing new: readiness says so at once, so does the registry, and no job is claimed. Requests are still
 * served until balancers have had the time to see it.
 */
export async function drainNode(
  config: Config,
  parts: {
    readonly heartbeat: Heartbeat;
    readonly workers: WorkerRole | undefined;
    readonly draining: AbortController;
  },
): Promise<void> {
  parts.draining.abort();
  void parts.workers?.drain();
  await Promise.all([parts.heartbeat.drain(), pause(drainMs(config))]);
}
