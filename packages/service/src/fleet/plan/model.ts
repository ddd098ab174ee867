import type { Lane } from '../../jobs/index.ts';
import { SCALING_POLICY_DEFAULT } from '../policy.ts';
import { UPKEEP, type Upkeep } from '../upkeep.ts';

/** What the simulator takes for given. Every constant has its source, and an option of `safelight plan` to replace it. */
export interface PlanModel extends Upkeep {
  readonly workersPerMachine: number;
  /** From ordering a machine to its first claim. */
  readonly startSeconds: number;
  readonly costPerMachineHour: number;
  /** Jobs that the database can hand out and end per second, all nodes together. */
  readonly claimsPerSecond: number;
  /** Connections that the database grants in all. */
  readonly connectionsMax: number;
  readonly connectionsPerMachine: number;
  /** Objects that the store takes per second. */
  readonly storeWritesPerSecond: number;
  /** Of one machine, both directions together. */
  readonly networkBytesPerSecond: number;
  /** Objects that a job writes. */
  readonly writesPerJob: number;
  /** Original read and renditions written. */
  readonly bytesPerJob: number;
  /** From the commit of a job to its claim by an idle worker. */
  readonly wakeSeconds: number;
  /** How often the scaler decides. */
  readonly decideEverySeconds: number;
}

export const PLAN_MODEL_DEFAULT: PlanModel = {
  workersPerMachine: 2,
  // A virtual machine from order to first claim; a container on a machine that runs takes about ten, a process one.
  startSeconds: 60,
  // Two virtual CPUs of a cloud, on demand, in dollars.
  costPerMachineHour: 0.085,
  claimsPerSecond: SCALING_POLICY_DEFAULT.claimsPerSecondMax,
  ...UPKEEP,
  // The most that Amazon RDS and Aurora grant unasked: LEAST(memory / 9531392, 5000).
  connectionsMax: 5_000,
  // The default of SAFELIGHT_DATABASE_CONNECTIONS; a pooler such as PgBouncer divides it.
  connectionsPerMachine: 16,
  // Amazon S3 takes at least 3,500 PUT per second and prefix; a tenant's name is the prefix, so many tenants have more.
  storeWritesPerSecond: 3_500,
  // What a cloud machine of 2 virtual CPUs has for long: 0.78 Gbit/s.
  networkBytesPerSecond: 97_500_000,
  // The three presets of an upload, and the 12 MP photograph of bench/cost.ts: 2.5 MB.
  writesPerJob: 3,
  bytesPerJob: 2_750_000,
  // Enqueue to start on one machine stays under 10 ms by LISTEN/NOTIFY.
  wakeSeconds: 0.005,
  // As the scaler role does.
  decideEverySeconds: 2,
};

export const RESOURCES = ['workers', 'connections', 'claims', 'storeWrites', 'network'] as const;
export type Resource = (typeof RESOURCES)[number];

/** How much of a resource was used at its busiest minute, and when it was first exhausted. */
export interface ResourceUse {
  /** 1 is all there is; more was wanted when it is higher. */
  readonly peakShare: number;
  /** Seconds from the start; null: never. */
  readonly exhaustedAtSeconds: number | null;
}

export interface LaneWaits {
  readonly jobs: number;
  readonly p50Seconds: number;
  readonly p95Seconds: number;
  readonly p99Seconds: number;
  readonly maxSeconds: number;
  /** Share of the jobs that waited longer than the objective. */
  readonly lateShare: number;
}

/** One moment of the picture, a mean over its slice of time. */
export interface PlanSlice {
  readonly atSeconds: number;
  /** Workers that the arrivals alone would keep busy. */
  readonly workersDemanded: number;
  readonly workersReady: number;
  readonly workersBusy: number;
  readonly jobsQueued: number;
  /** The longest wait of a job that was claimed in the slice, in any lane but `batch`. */
  readonly waitSecondsMax: number;
}

export interface PlanReport {
  readonly policy: string;
  readonly trace: string;
  readonly seconds: number;
  readonly jobs: number;
  /** Not done when the simulation gave up waiting for them. */
  readonly jobsLeft: number;
  /** Done, over all the time. */
  readonly jobsPerSecond: number;
  /** Lanes without a job are missing. */
  readonly waits: Readonly<Partial<Record<Lane, LaneWaits>>>;
  /** Busy share of the time of all ready workers. */
  readonly utilisation: number;
  readonly machinesMax: number;
  readonly machineHours: number;
  /** Machines paid beyond what arrivals and a backlog drained within the objective need. */
  readonly machineHoursOver: number;
  /** Machines that were needed so and not there. */
  readonly machineHoursUnder: number;
  readonly cost: number;
  readonly resources: Readonly<Record<Resource, ResourceUse>>;
  /** What was exhausted first; null when nothing was. */
  readonly firstBottleneck: Resource | null;
  /** Decisions that changed the size of the fleet. */
  readonly changes: number;
  readonly jobsRunAgain: number;
  readonly slices: readonly PlanSlice[];
}
