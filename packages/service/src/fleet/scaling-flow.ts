/** One look at the queue, for the rates between looks. */
export interface FlowSample {
  /** On a clock that never runs backwards, in seconds. */
  readonly atSeconds: number;
  /** Work ever asked for, in CPU-seconds. */
  readonly workSecondsCharged: number;
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

/** Rates over the last minute, out of looks at the queue. */
export class FlowRates {
  readonly #samples: FlowSample[] = [];
  #speed = 1;

  /** @returns work that arrives per second, and work that a busy worker does per second; both in CPU-seconds. */
  take(sample: FlowSample): { readonly workSecondsArriving: number; readonly workSecondsPerSecond: number } {
    const samples = this.#samples;
    samples.push(sample);
    while (samples.length > SAMPLES_MAX || sample.atSeconds - (samples[0]?.atSeconds ?? 0) > WINDOW_SECONDS) {
      samples.shift();
    }
    const first = samples[0] ?? sample;
    const seconds = sample.atSeconds - first.atSeconds;
    if (seconds <= 0) return { workSecondsArriving: 0, workSecondsPerSecond: this.#speed };
    // Cancelled work is taken back, and nothing arrives less than not at all.
    const charged = Math.max(0, sample.workSecondsCharged - first.workSecondsCharged);
    const busySeconds = this.#busySeconds();
    if (busySeconds >= BUSY_SECONDS_MIN && !samples.some(({ estimated }) => estimated)) {
      const done = charged - (unfinished(sample) - unfinished(first));
      const unsure = (first.workSecondsRunning + sample.workSecondsRunning) / 2;
      if (done >= DONE_PER_UNSURE_MIN * unsure && done > 0) {
        this.#speed = Math.min(Math.max(done / busySeconds, SPEED_MIN), SPEED_MAX);
      }
    }
    return { workSecondsArriving: charged / Math.max(seconds, RATE_SECONDS_MIN), workSecondsPerSecond: this.#speed };
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
