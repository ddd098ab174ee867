import { LANES } from '../../jobs/index.ts';
import { decideFixed, SCALING_POLICY_DEFAULT } from '../policy.ts';
import { upkeepOf } from '../upkeep.ts';
import type { PlanModel, Resource } from './model.ts';
import { seededRandom } from './random.ts';
import { simulate } from './simulate.ts';
import type { Trace } from './trace.ts';

/** A fleet that always has work. */
export interface ScalingPoint {
  readonly machines: number;
  readonly jobsPerSecond: number;
  readonly jobsPerSecondAndMachine: number;
  /** Of what as many machines would do if they shared nothing. */
  readonly shareOfIdeal: number;
  /** Of what the database can hand out, how much the upkeep of the machines takes. */
  readonly upkeepShare: number;
  /** What holds it below that; null while nothing does. */
  readonly limitedBy: Exclude<Resource, 'workers'> | null;
}

/** Each worker does so many on the mean; beyond the cap of jobs fewer, when the bend has long been seen. */
const JOBS_PER_WORKER = 40;
const JOBS_MAX = 400_000;
const TENANTS = 100;
/** Less than this share of the ideal has a reason that is worth a name. */
const IDEAL_SHARE_MIN = 0.9;
/** Nothing is used to the last grain. */
const SHARE_EXHAUSTED = 0.9;

/** Throughput of fleets of growing size, each with more to do than it can. */
export function scalingCurve(model: PlanModel, workSeconds: number, sizes: readonly number[]): ScalingPoint[] {
  return sizes.map((machines) => pointOf(model, workSeconds, machines));
}

function pointOf(model: PlanModel, workSeconds: number, machines: number): ScalingPoint {
  const workers = machines * model.workersPerMachine;
  const jobs = Math.max(Math.min(workers * JOBS_PER_WORKER, JOBS_MAX), 2 * workers);
  const trace = backlog(jobs, workSeconds);
  const policy = { ...SCALING_POLICY_DEFAULT, workersMax: workers, databaseConnectionsReserved: 0 };
  const report = simulate({ name: 'fixed', trace, model, decide: decideFixed(workers), policy, machines });
  const connected = Math.min(machines, Math.floor(model.connectionsMax / model.connectionsPerMachine));
  // The last jobs find the other workers idle, which is no fault of the fleet: the time until the last claim counts, and
  // all but the first job of each worker are done by then.
  const jobsPerSecond = (jobs - connected * model.workersPerMachine) / (report.waits.normal?.maxSeconds ?? Infinity);
  const shareOfIdeal = jobsPerSecond / (workers / workSeconds);
  return {
    machines,
    jobsPerSecond,
    jobsPerSecondAndMachine: jobsPerSecond / machines,
    shareOfIdeal,
    upkeepShare: Math.min(1, upkeepOf(model, connected) / model.claimsPerSecond),
    limitedBy: shareOfIdeal >= IDEAL_SHARE_MIN ? null : scarcest(model, machines, connected, jobsPerSecond),
  };
}

function scarcest(model: PlanModel, machines: number, connected: number, jobsPerSecond: number) {
  const shares = [
    ['claims', jobsPerSecond / Math.max(model.claimsPerSecond - upkeepOf(model, connected), 1)],
    ['storeWrites', (jobsPerSecond * model.writesPerJob) / model.storeWritesPerSecond],
    ['network', (jobsPerSecond * model.bytesPerJob) / (connected * model.networkBytesPerSecond)],
  ] as const;
  const [[most, share]] = shares.toSorted((a, b) => b[1] - a[1]) as unknown as [(typeof shares)[number]];
  return share < SHARE_EXHAUSTED && connected < machines ? 'connections' : most;
}

/** All there from the beginning; from half to one and a half of the mean work each. */
function backlog(jobs: number, workMean: number): Trace {
  const random = seededRandom(1);
  return {
    name: 'backlog',
    seconds: 0,
    at: new Float64Array(jobs),
    workSeconds: Float64Array.from({ length: jobs }, () => workMean * (0.5 + random())),
    tenant: Int32Array.from({ length: jobs }, (_, job) => job % TENANTS),
    lane: new Uint8Array(jobs).fill(LANES.indexOf('normal')),
    tenants: Array.from({ length: TENANTS }, (_, index) => `tenant-${index}`),
  };
}
