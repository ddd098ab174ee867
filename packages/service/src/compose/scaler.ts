import { basename, join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { Logger } from 'pino';
import { type Config, environmentWith, type PoolPlace, parseObjects } from '../config.ts';
import { systemClock } from '../core/clock.ts';
import type { Database } from '../db/database.ts';
import { DATABASE_URL_FILE } from '../db/open.ts';
import { openKubernetesPool } from '../drivers/kubernetes-pool/index.ts';
import { openProcessPool } from '../drivers/process-pool/index.ts';
import { SCALING_POLICY_DEFAULT, type ScalingPolicy } from '../fleet/index.ts';
import type { MachinePool } from '../ports/machine-pool.ts';
import { type ScalerRole, startScalerRole } from '../roles/scaler.ts';
import type { Metrics } from '../telemetry/metrics.ts';

interface ScalerParts {
  readonly database: Database;
  readonly log: Logger;
  readonly metrics: Metrics;
  readonly nodeId: string;
}

const MAIN = fileURLToPath(new URL('../main.ts', import.meta.url));
/** The longest job ends within it; what drains takes no other. */
const POOL_JOB_GRACE_SECONDS = 600;
const POOL_CONNECTIONS = 3;
const DOWN_STEPS_PER_COOL_DOWN = 4;

/** The role `scaler` and the pool that it orders machines from. */
export function startScaler(config: Config, parts: ScalerParts): ScalerRole {
  return startScalerRole({
    ...parts,
    clock: systemClock,
    policy: policyOf(config),
    costPerWorkerHour: config.SAFELIGHT_SCALER_WORKER_COST,
    poolName: config.SAFELIGHT_SCALER_POOL.kind,
    pool: openPool(config, config.SAFELIGHT_SCALER_POOL, parts.log),
  });
}

function policyOf(config: Config): ScalingPolicy {
  const objective = config.SAFELIGHT_SCALER_OBJECTIVE_SECONDS;
  const coolDownSeconds = config.SAFELIGHT_SCALER_COOL_DOWN_SECONDS;
  return {
    ...SCALING_POLICY_DEFAULT,
    workersMin: config.SAFELIGHT_SCALER_MIN,
    workersMax: config.SAFELIGHT_SCALER_MAX,
    waitSecondsObjective: { live: objective, normal: objective, batch: config.SAFELIGHT_SCALER_BATCH_SECONDS },
    costPerHourMax: config.SAFELIGHT_SCALER_COST_MAX ?? Number.POSITIVE_INFINITY,
    claimsPerSecondMax: config.SAFELIGHT_SCALER_CLAIMS_MAX ?? Number.POSITIVE_INFINITY,
    coolDownSeconds,
    downEverySeconds: coolDownSeconds / DOWN_STEPS_PER_COOL_DOWN,
  };
}

function openPool(config: Config, place: PoolPlace, log: Logger): MachinePool | undefined {
  if (place.kind === 'none') return undefined;
  if (place.kind === 'kubernetes') {
    const { workers, connections, startSeconds } = place;
    return openKubernetesPool({ ...place, kind: { workers, connections, startSeconds } });
  }
  return openProcessPool({
    directory: join(config.SAFELIGHT_DATA, 'pool'),
    command: [process.execPath, MAIN, 'serve', '--roles', 'worker'],
    environment: (dataDirectory) => environmentWith(settingsOfMachine(config, dataDirectory)),
    clock: systemClock,
    onError: (error) => log.warn({ err: error }, 'the pool of processes'),
  });
}

/** A node with one worker process on this node's database and objects; the rest of its settings is this node's. */
function settingsOfMachine(config: Config, dataDirectory: string): Record<string, string> {
  const objects = parseObjects(config.SAFELIGHT_OBJECTS);
  return {
    SAFELIGHT_DATA: dataDirectory,
    SAFELIGHT_WORKERS: '1',
    // After those of this node and its prober: no two worker processes of a machine may be one user.
    SAFELIGHT_WORKER_UID: String(
      config.SAFELIGHT_WORKER_UID + config.SAFELIGHT_WORKERS + 1 + Number(basename(dataDirectory)),
    ),
    SAFELIGHT_MEMORY: String(Math.min(config.SAFELIGHT_MEMORY, config.SAFELIGHT_WORKER_MEMORY)),
    SAFELIGHT_DATABASE_CONNECTIONS: String(POOL_CONNECTIONS),
    SAFELIGHT_DRAIN_SECONDS: '0',
    SAFELIGHT_JOB_GRACE_SECONDS: String(POOL_JOB_GRACE_SECONDS),
    ...(objects.kind === 'file' && { SAFELIGHT_OBJECTS: `file:${resolve(config.SAFELIGHT_DATA, objects.folder)}` }),
    ...(config.DATABASE_URL === undefined && { DATABASE_URL_FILE: join(config.SAFELIGHT_DATA, DATABASE_URL_FILE) }),
  };
}
