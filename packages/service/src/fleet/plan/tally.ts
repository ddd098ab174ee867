import { LANES, type Lane } from '../../jobs/index.ts';
import type { ScalingPolicy } from '../policy.ts';
import type { Machines } from './machines.ts';
import type { LaneWaits, PlanModel, PlanSlice } from './model.ts';
import type { Trace } from './trace.ts';

/** Slices of the picture; a screen shows no more. */
const SLICES = 240;

interface Slice {
  seconds: number;
  work: number;
  readySeconds: number;
  busySeconds: number;
  queuedSeconds: number;
  waitSecondsMax: number;
}

/** What happened, as sums over time. */
export class Tally {
  readonly waits: Float64Array;
  /** Worker-seconds and machine-seconds so far. */
  busySeconds = 0;
  readySeconds = 0;
  paidSeconds = 0;
  overSeconds = 0;
  underSeconds = 0;
  machinesMax = 0;
  jobsDone = 0;
  jobsRunAgain = 0;
  changes = 0;
  readonly #trace: Trace;
  readonly #model: PlanModel;
  readonly #machines: Machines;
  readonly #slices: Slice[] = [];
  readonly #sliceSeconds: number;

  constructor(trace: Trace, model: PlanModel, machines: Machines) {
    this.#trace = trace;
    this.#model = model;
    this.#machines = machines;
    this.waits = new Float64Array(trace.at.length).fill(Number.NaN);
    this.#sliceSeconds = Math.max(trace.seconds / SLICES, 1);
  }

  /** Adds `seconds` in which nothing changed. */
  pass(at: number, seconds: number, jobsQueued: number): void {
    if (seconds <= 0) return;
    const { counts, busyWorkers, paid } = this.#machines;
    const ready = counts.ready * this.#model.workersPerMachine;
    this.busySeconds += busyWorkers * seconds;
    this.readySeconds += (ready + counts.draining * this.#model.workersPerMachine) * seconds;
    this.paidSeconds += paid * seconds;
    this.machinesMax = Math.max(this.machinesMax, paid);
    const slice = this.#sliceAt(at);
    slice.seconds += seconds;
    slice.readySeconds += ready * seconds;
    slice.busySeconds += busyWorkers * seconds;
    slice.queuedSeconds += jobsQueued * seconds;
  }

  arrived(at: number, workSeconds: number): void {
    this.#sliceAt(at).work += workSeconds;
  }

  begun(job: number, lane: number, claimedAt: number, waitSeconds: number): void {
    this.waits[job] = waitSeconds;
    if (LANES[lane] === 'batch') return;
    const slice = this.#sliceAt(claimedAt);
    slice.waitSecondsMax = Math.max(slice.waitSecondsMax, waitSeconds);
  }

  /** Compares what is paid for and what works with what `workersNeeded` would need, for `seconds`. */
  compare(workersNeeded: number, seconds: number): void {
    const needed = Math.ceil(workersNeeded / this.#model.workersPerMachine - 1e-9);
    this.overSeconds += Math.max(0, this.#machines.paid - needed) * seconds;
    this.underSeconds += Math.max(0, needed - this.#machines.counts.ready) * seconds;
  }

  waitsByLane({ waitSecondsObjective }: ScalingPolicy): Partial<Record<Lane, LaneWaits>> {
    const byLane: Partial<Record<Lane, LaneWaits>> = {};
    for (const [index, lane] of LANES.entries()) {
      const waits = this.waits.filter((wait, job) => this.#trace.lane[job] === index && !Number.isNaN(wait)).sort();
      if (waits.length === 0) continue;
      const objective = waitSecondsObjective[lane];
      byLane[lane] = {
        jobs: waits.length,
        p50Seconds: quantile(waits, 0.5),
        p95Seconds: quantile(waits, 0.95),
        p99Seconds: quantile(waits, 0.99),
        maxSeconds: quantile(waits, 1),
        lateShare: waits.reduce((late, wait) => late + (wait > objective ? 1 : 0), 0) / waits.length,
      };
    }
    return byLane;
  }

  slices(): PlanSlice[] {
    return this.#slices.flatMap((slice, index) => {
      if (!slice || slice.seconds <= 0) return [];
      return [
        {
          atSeconds: index * this.#sliceSeconds,
          workersDemanded: slice.work / this.#sliceSeconds,
          workersReady: slice.readySeconds / slice.seconds,
          workersBusy: slice.busySeconds / slice.seconds,
          jobsQueued: slice.queuedSeconds / slice.seconds,
          waitSecondsMax: slice.waitSecondsMax,
        },
      ];
    });
  }

  #sliceAt(at: number): Slice {
    const index = Math.floor(at / this.#sliceSeconds);
    for (let next = this.#slices.length; next <= index; next += 1) {
      this.#slices.push({
        seconds: 0,
        work: 0,
        readySeconds: 0,
        busySeconds: 0,
        queuedSeconds: 0,
        waitSecondsMax: 0,
      });
    }
    return this.#slices[index] as Slice;
  }
}

/** The smallest value that at least `share` of all do not exceed. */
function quantile(sorted: Float64Array, share: number): number {
  return sorted[Math.max(0, Math.ceil(sorted.length * share) - 1)] ?? Number.NaN;
}
