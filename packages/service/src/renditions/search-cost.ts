import { encodeCost } from './encode-cost.ts';
import type { PlannedOutput } from './plan.ts';
import type { RenderedFormat } from './source.ts';

/** CPU of `q=auto`: a few trials of the picture or a sample of it, and then a more thorough encode. */
interface SearchCost {
  /** By pixel of what is tried: all trials together. */
  readonly microsPerTried: number;
  /** By pixel of the output. */
  readonly microsPerWritten: number;
}

const SEARCHES: Readonly<Partial<Record<RenderedFormat, (output: PlannedOutput, pixels: number) => SearchCost>>> = {
  jpeg: () => ({ microsPerTried: 0.15, microsPerWritten: 0.03 }),
  webp: () => ({ microsPerTried: 0.5, microsPerWritten: 0.1 }),
  avif: (output, pixels) => ({
    microsPerTried: 0.45,
    microsPerWritten: encodeCost(output, pixels).microsPerPixel + READ_MICROS_PER_PIXEL,
  }),
};

/** The pixels go through memory once more. */
const READ_MICROS_PER_PIXEL = 0.01;

/** Larger pictures are searched on a sample of about as many. */
const TRIED_PIXELS_MAX = 600_000;
/** A trial: raw, encoded, decoded, and as brightness twice. */
const TRIAL_BYTES = 25_000_000;
/** The output's pixels, raw. */
const BYTES_PER_PIXEL = 4;

/** CPU of searching and encoding an output of `pixels`; undefined where nothing is searched. */
export function searchMicros(output: PlannedOutput, pixels: number): number | undefined {
  const cost = output.searched ? SEARCHES[output.format]?.(output, pixels) : undefined;
  return cost && cost.microsPerTried * Math.min(pixels, TRIED_PIXELS_MAX) + cost.microsPerWritten * pixels;
}

/** Memory that a search takes beside the encoder's. */
export function searchBytes({ searched }: PlannedOutput, pixels: number): number {
  return searched ? TRIAL_BYTES + BYTES_PER_PIXEL * pixels : 0;
}
