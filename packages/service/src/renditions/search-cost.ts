import type { PlannedOutput } from './plan.ts';
import type { RenderedFormat } from './source.ts';

/** What `q=auto` takes: a few trials of the picture or a sample of it, and then a more thorough encode. */
interface SearchCost {
  /** By pixel of what is tried: all trials together. */
  readonly microsPerTried: number;
  /** By pixel of the output. */
  readonly microsPerWritten: number;
}

const SEARCHES: Readonly<Partial<Record<RenderedFormat, SearchCost>>> = {
  jpeg: { microsPerTried: 0.15, microsPerWritten: 0.03 },
  webp: { microsPerTried: 0.5, microsPerWritten: 0.1 },
  avif: { microsPerTried: 0.45, microsPerWritten: 0.2 },
};

/** AVIF of more pixels is written with effort 0, after a search too: effort 1 takes 0.3 s by megapixel. */
export const EFFORT_PIXELS_MAX = 4_000_000;
const QUICK_AVIF_MICROS_PER_PIXEL = 0.06;

/** Larger pictures are searched on a sample of about as many. */
const TRIED_PIXELS_MAX = 600_000;
/** A trial: raw, encoded, decoded, and as brightness twice. */
const TRIAL_BYTES = 25_000_000;
/** The output's pixels, raw. */
const BYTES_PER_PIXEL = 4;

/** CPU of searching and encoding an output of `pixels`; undefined where nothing is searched. */
export function searchMicros({ searched, format }: PlannedOutput, pixels: number): number | undefined {
  const cost = searched ? SEARCHES[format] : undefined;
  if (!cost) return undefined;
  const isQuick = format === 'avif' && pixels > EFFORT_PIXELS_MAX;
  const written = isQuick ? QUICK_AVIF_MICROS_PER_PIXEL : cost.microsPerWritten;
  return cost.microsPerTried * Math.min(pixels, TRIED_PIXELS_MAX) + written * pixels;
}

/** Memory that a search takes beside the encoder's. */
export function searchBytes({ searched }: PlannedOutput, pixels: number): number {
  return searched ? TRIAL_BYTES + BYTES_PER_PIXEL * pixels : 0;
}
