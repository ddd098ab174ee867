/** One look at the queue, for the rates between looks. */
export interface FlowSample {
  /** On a clock that never runs backwards, in seconds. */
  readonly atSeconds: number;
  /** Work ever asked for, in CPU-seconds. */
  readonly workSecondsCharged: number;
  /** Of it, in the lane `batch`. */
  readonly workSecondsChargedBatch: number;
  readonly workSecondsQueued: number;
  readonly workSecondsRunning: number;
  readonly running: number;
  /** The queue was too long to be counted: its work is an estimate, too coarse for differences. */
  readonly estimated: boolean;
}

const WINDOW_SECONDS = 60;
/** A burst in the first seconds of a term is no rate: until then the backlog speaks for it. */
const RATE_SECONDS_MIN = 20;
/** Looks come every two seconds; a burst of them must not grow the window. */
const SAMPLES_MAX = 64;
/** Below so many seconds of busy workers a measured speed is noise. */
const BUSY_SECONDS_MIN = 5;
/** Nobody knows how far running jobs are: where they weigh more than half of what was done, a long one would be taken for slowness. */
const DONE_PER_UNSURE_MIN = 2;
/** Beyond these the figures are wrong, and not the machines. */
const SPEED_MIN = 0.2;
const SPEED_MAX = 5;

interface Rates {
  /** CPU-seconds of work that arrive per second; then those of them that arrive in `batch`. */
  readonly workSecondsArriving: number;
  readonly workSecondsArrivingBatch: number;
  /** CPU-seconds of work that a busy worker does per second. */
  readonly workSecondsPerSecond: number;
}

/** Rates over the last minute, out of looks at the queue. */
export class FlowRates {
  readonly #samples: FlowSample[] = [];
  #speed = 1;

  take(sample: FlowSample): Rates {
    const samples = this.#samples;
    samples.push(sample);
    while (samples.length > SAMPLES_MAX || sample.atSeconds - (samples[0]?.atSeconds ?? 0) > WINDOW_SECONDS) {
      samples.shift();
    }
    const first = samples[0] ?? sample;
    const seconds = sample.atSeconds - first.atSeconds;
    if (seconds <= 0) return { workSecondsArriving: 0, workSecondsArrivingBatch: 0, workSecondsPerSecond: this.#speed };
    // Cancelled work is taken back, and nothing arrives less than not at all.
    const charged = Math.max(0, sample.workSecondsCharged - first.workSecondsCharged);
    const chargedBatch = Math.max(0, sample.workSecondsChargedBatch - first.workSecondsChargedBatch);
    const busySeconds = this.#busySeconds();
    if (busySeconds >= BUSY_SECONDS_MIN && !samples.some(({ estimated }) => estimated)) {
      const done = charged - (unfinished(sample) - unfinished(first));
      const unsure = (first.workSecondsRunning + sample.workSecondsRunning) / 2;
      if (done >= DONE_PER_UNSURE_MIN * unsure && done > 0) {
        this.#speed = Math.min(Math.max(done / busySeconds, SPEED_MIN), SPEED_MAX);
      }
    }
    const rateSeconds = Math.max(seconds, RATE_SECONDS_MIN);
    return {
      workSecondsArriving: charged / rateSeconds,
      workSecondsArrivingBatch: chargedBatch / rateSeconds,
      workSecondsPerSecond: this.#speed,
    };
  }

  #busySeconds(): number {
    return this.#samples.reduce((sum, sample, index) => {
      const before = this.#samples[index - 1];
      return before ? sum + ((sample.running + before.running) / 2) * (sample.atSeconds - before.atSeconds) : sum;
    }, 0);
  }
}

/** A running job counts as half done. */
function unfinished({ workSecondsQueued, workSecondsRunning }: FlowSample): number {
  return workSecondsQueued + workSecondsRunning / 2;
}
