import { MinHeap } from '../../core/min-heap.ts';
import { charge, LANES, type Lane, laneOrder, virtualReturn, virtualStart } from '../../jobs/index.ts';
import type { Trace } from './trace.ts';

const MICROS = 1_000_000;

/**
 * The queue of the simulator: the order of `jobs/policy.ts` over heaps instead of over SQL, for millions of jobs. All
 * tenants weigh the same. A job is its index in the trace.
 */
export class FairQueue {
  readonly #trace: Trace;
  readonly #heaps = LANES.map(() => new MinHeap<number>());
  readonly #clocks = LANES.map(() => 0);
  /** Virtual finish by tenant and lane. */
  readonly #finish: Float64Array;
  readonly #starts: Float64Array;
  /** When a job that waits began to; NaN for others. */
  readonly #since: Float64Array;
  /** Jobs by the time at which they began to wait; those that no longer do are skipped when they come to the front. */
  readonly #byAge = LANES.map((): { job: number; since: number }[] => []);
  readonly #fronts = LANES.map(() => 0);
  readonly #work = LANES.map(() => 0);
  #ticket = 0;

  constructor(trace: Trace) {
    this.#trace = trace;
    this.#finish = new Float64Array(trace.tenants.length * LANES.length);
    this.#starts = new Float64Array(trace.at.length);
    this.#since = new Float64Array(trace.at.length).fill(Number.NaN);
  }

  get size(): number {
    return this.#heaps.reduce((sum, heap) => sum + heap.size, 0);
  }

  /** A new job, charged to its tenant. */
  put(job: number, nowSeconds: number): void {
    const lane = this.laneOf(job);
    const account = (this.#trace.tenant[job] ?? 0) * LANES.length + lane;
    const start = virtualStart(this.#finish[account] ?? 0, this.#clocks[lane] ?? 0);
    this.#finish[account] = start + charge((this.#trace.workSeconds[job] ?? 0) * MICROS, 1);
    this.#starts[job] = start;
    this.#wait(job, lane, nowSeconds);
  }

  /** A job whose lease ran out. */
  giveBack(job: number, nowSeconds: number): void {
    const lane = this.laneOf(job);
    this.#starts[job] = virtualReturn(this.#starts[job] ?? 0, this.#clocks[lane] ?? 0);
    this.#wait(job, lane, nowSeconds);
  }

  /** What a node with room for `jobsMax` is given. */
  claim(jobsMax: number): number[] {
    const claimed: number[] = [];
    const order = laneOrder(this.#ticket);
    this.#ticket += 1;
    for (const name of order) {
      const lane = LANES.indexOf(name);
      while (claimed.length < jobsMax) {
        const job = this.#heaps[lane]?.pop();
        if (job === undefined) break;
        this.#clocks[lane] = Math.max(this.#clocks[lane] ?? 0, this.#starts[job] ?? 0);
        this.#since[job] = Number.NaN;
        this.#work[lane] = (this.#work[lane] ?? 0) - (this.#trace.workSeconds[job] ?? 0);
        claimed.push(job);
      }
    }
    return claimed;
  }

  /** Work of the jobs that wait, in seconds. */
  workSeconds(): Record<Lane, number> {
    const [live = 0, normal = 0, batch = 0] = this.#work.map((work, lane) =>
      // What is left of sums of fractions is no work.
      (this.#heaps[lane]?.size ?? 0) === 0 ? 0 : Math.max(0, work),
    );
    return { live, normal, batch };
  }

  /** The longest wait so far, in seconds; 0 where none waits. */
  oldestSeconds(nowSeconds: number): Record<Lane, number> {
    const [live = 0, normal = 0, batch = 0] = LANES.map((_, lane) => this.#oldest(lane, nowSeconds));
    return { live, normal, batch };
  }

  /** Index into LANES. */
  laneOf(job: number): number {
    return this.#trace.lane[job] ?? 0;
  }

  #wait(job: number, lane: number, nowSeconds: number): void {
    this.#heaps[lane]?.push(this.#starts[job] ?? 0, job, job);
    this.#since[job] = nowSeconds;
    this.#byAge[lane]?.push({ job, since: nowSeconds });
    this.#work[lane] = (this.#work[lane] ?? 0) + (this.#trace.workSeconds[job] ?? 0);
  }

  #oldest(lane: number, nowSeconds: number): number {
    const byAge = this.#byAge[lane] ?? [];
    for (let front = this.#fronts[lane] ?? 0; front < byAge.length; front += 1) {
      this.#fronts[lane] = front;
      const entry = byAge[front];
      if (entry && this.#since[entry.job] === entry.since) return nowSeconds - entry.since;
    }
    this.#byAge[lane] = [];
    this.#fronts[lane] = 0;
    return 0;
  }
}
