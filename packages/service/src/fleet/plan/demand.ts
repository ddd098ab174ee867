import { LANES } from '../../jobs/index.ts';
import type { Trace } from './trace.ts';

const BATCH = LANES.indexOf('batch');

/** How much work that somebody waits for a trace brings in any stretch of time, by sums over its beginning. */
export class Demand {
  readonly #trace: Trace;
  /** Work of the jobs before each. */
  readonly #before: Float64Array;

  constructor(trace: Trace) {
    this.#trace = trace;
    this.#before = new Float64Array(trace.at.length + 1);
    for (let job = 0; job < trace.at.length; job += 1) {
      this.#before[job + 1] =
        (this.#before[job] ?? 0) + (trace.lane[job] === BATCH ? 0 : (trace.workSeconds[job] ?? 0));
    }
  }

  /** Seconds of such work, all lanes but `batch`, that arrive at or after `fromSeconds` and before `toSeconds`. */
  workSecondsBetween(fromSeconds: number, toSeconds: number): number {
    return (this.#before[this.#jobsBefore(toSeconds)] ?? 0) - (this.#before[this.#jobsBefore(fromSeconds)] ?? 0);
  }

  #jobsBefore(seconds: number): number {
    let [low, high] = [0, this.#trace.at.length];
    while (low < high) {
      const middle = (low + high) >> 1;
      if ((this.#trace.at[middle] ?? 0) < seconds) low = middle + 1;
      else high = middle;
    }
    return low;
  }
}
