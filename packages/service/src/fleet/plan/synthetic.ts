import { LANES, type Lane } from '../../jobs/index.ts';
import { normalOf, seededRandom } from './random.ts';
import type { Trace } from './trace.ts';

export const SYNTHETIC_TRACES = ['diurnal', 'flash-crowd', 'bulk-import', 'half-lost'] as const;
export type SyntheticTrace = (typeof SYNTHETIC_TRACES)[number];

export interface SyntheticOptions {
  /** Jobs per second in ordinary times. */
  readonly perSecond: number;
  /** Mean work of a job. */
  readonly workSeconds: number;
  /** Absent: what suits the trace. */
  readonly seconds?: number | undefined;
  readonly seed: number;
}

interface Shape {
  readonly seconds: number;
  /** How many times the ordinary rate, at a share of the time from 0 to 1 and at a second. */
  rate(share: number, atSeconds: number, seconds: number): number;
  readonly rateMax: number;
  readonly loss?: { readonly atShare: number; readonly share: number };
  /** One tenant's jobs in `batch`, in multiples of what comes in ordinary times in `seconds`. */
  readonly importShare?: number;
}

const HOUR = 3_600;
const CROWD = { times: 20, beginsAtShare: 1 / 6, climbSeconds: 60, lastsShare: 1 / 3 } as const;
const IMPORT_AT_SHARE = 1 / 6;
const IMPORT_SECONDS = 60;

const SHAPES: Readonly<Record<SyntheticTrace, Shape>> = {
  /** A day: a fifth of the mean at its quietest, 1.8 times at its busiest. */
  diurnal: {
    seconds: 24 * HOUR,
    rate: (share) => 1 - 0.8 * Math.cos(2 * Math.PI * share),
    rateMax: 1.8,
  },
  /** Twenty times as many within a minute; they stay for a third of the time and leave as fast. */
  'flash-crowd': { seconds: HOUR / 2, rate: crowd, rateMax: CROWD.times },
  /** One tenant puts as much as two such hours bring into the lane `batch`, within a minute. */
  'bulk-import': { seconds: HOUR, rate: () => 1, rateMax: 1, importShare: 2 },
  /** Half of the machines vanish. */
  'half-lost': { seconds: HOUR / 2, rate: () => 1, rateMax: 1, loss: { atShare: 1 / 3, share: 0.5 } },
};

const TENANTS = 100;
/** Somebody waits on one request in ten. */
const LIVE_SHARE = 0.1;
/** Times of the photographs of bench/cost.ts lie between 30 ms and half a second: about a log-normal of this width. */
const WORK_SIGMA = 0.75;

/** Arrivals by a Poisson clock whose rate changes (thinning: Lewis and Shedler 1979), the same for the same seed. */
export function makeTrace(name: SyntheticTrace, options: SyntheticOptions): Trace {
  const shape = SHAPES[name];
  const seconds = options.seconds ?? shape.seconds;
  const random = seededRandom(options.seed);
  const columns = new Columns(options.workSeconds, random);
  const fastest = options.perSecond * shape.rateMax;
  const imported = Math.round(options.perSecond * seconds * (shape.importShare ?? 0));
  const importAt = seconds * IMPORT_AT_SHARE;
  const importGap = Math.min(IMPORT_SECONDS, seconds - importAt) / Math.max(1, imported);
  let importedSoFar = 0;
  const importUntil = (at: number) => {
    for (; importedSoFar < imported && importAt + importedSoFar * importGap <= at; importedSoFar += 1) {
      columns.add(importAt + importedSoFar * importGap, TENANTS, 'batch');
    }
  };
  for (let at = gap(random, fastest); at < seconds; at += gap(random, fastest)) {
    importUntil(at);
    if (random() * shape.rateMax >= shape.rate(at / seconds, at, seconds)) continue;
    // Squared, so that a tenth of the tenants sends a third of the pictures.
    columns.add(at, Math.floor(random() ** 2 * TENANTS), random() < LIVE_SHARE ? 'live' : 'normal');
  }
  importUntil(seconds);
  const loss = shape.loss && { atSeconds: shape.loss.atShare * seconds, share: shape.loss.share };
  return { name, seconds, ...columns.done(), ...(loss && { loss }) };
}

function crowd(_share: number, atSeconds: number, seconds: number): number {
  const begins = seconds * CROWD.beginsAtShare;
  const ends = begins + seconds * CROWD.lastsShare;
  const climbed = Math.min((atSeconds - begins) / CROWD.climbSeconds, (ends - atSeconds) / CROWD.climbSeconds, 1);
  return 1 + (CROWD.times - 1) * Math.max(0, climbed);
}

function gap(random: () => number, perSecond: number): number {
  return -Math.log(1 - random()) / perSecond;
}

class Columns {
  readonly #at: number[] = [];
  readonly #work: number[] = [];
  readonly #tenant: number[] = [];
  readonly #lane: number[] = [];
  readonly #workMedian: number;
  readonly #random: () => number;

  constructor(workMean: number, random: () => number) {
    this.#workMedian = workMean / Math.exp(WORK_SIGMA ** 2 / 2);
    this.#random = random;
  }

  add(at: number, tenant: number, lane: Lane): void {
    this.#at.push(at);
    this.#work.push(this.#workMedian * Math.exp(WORK_SIGMA * normalOf(this.#random)));
    this.#tenant.push(tenant);
    this.#lane.push(LANES.indexOf(lane));
  }

  done(): Pick<Trace, 'at' | 'workSeconds' | 'tenant' | 'lane' | 'tenants'> {
    return {
      at: Float64Array.from(this.#at),
      workSeconds: Float64Array.from(this.#work),
      tenant: Int32Array.from(this.#tenant),
      lane: Uint8Array.from(this.#lane),
      tenants: Array.from({ length: TENANTS + 1 }, (_, index) => (index === TENANTS ? 'importer' : `tenant-${index}`)),
    };
  }
}
