import { halved, type Luma, lumaOf, type Samples, structuralSimilarity } from './similarity.ts';

/**
 * `q=auto`: the lowest quality at which a picture still looks like the pixels that are encoded, by a bounded search.
 *
 * The target of each format is about the mean of what its fixed default reaches, over 19 photographs and graphics of 800
 * and 1600 pixels: easy pictures become shorter by what the default gives them too much, and some of that goes to hard
 * ones, though never beyond `most`: noise and dither meet no target, and cost the most bytes. Brightness alone is
 * compared; the encoders tie colour to it.
 * `node bench/quality.ts` measures what comes of it.
 */
interface Target {
  /** {@link likeness} to be met. */
  readonly score: number;
  /** Qualities among which is searched: below, blocks of colour show that brightness does not tell of. */
  readonly least: number;
  readonly most: number;
  /** Where the median picture ends, which is tried first. */
  readonly first: number;
  /** By how much one step of quality moves -ln(1 - score), around there. */
  readonly slope: number;
}

const TARGETS = {
  jpeg: { score: 0.985, least: 50, most: 86, first: 79, slope: 0.03 },
  webp: { score: 0.978, least: 50, most: 84, first: 79, slope: 0.03 },
  avif: { score: 0.9838, least: 45, most: 74, first: 66, slope: 0.03 },
} as const satisfies Record<string, Target>;

/** Formats that have a quality. */
export type LossyFormat = keyof typeof TARGETS;

export function isLossy(format: string): format is LossyFormat {
  return Object.hasOwn(TARGETS, format);
}

/** Encodes at which a search ends, found or not. */
export const TRIALS_MAX = 5;
/** A score this little above the target, as -ln(1 - score), is about one step of quality from the lowest that meets it. */
const NEAR_ENOUGH = 0.03;
/** Qualities left between one that is too low and one that meets the target. */
const STEPS_LEFT = 2;

export interface QualityFound {
  readonly quality: number;
  /** At that quality, on what was tried; undefined when it was not. */
  readonly score: number | undefined;
  readonly trials: number;
}

/**
 * The lowest quality from the format's range whose likeness meets the format's target; the highest of the range when
 * none does. Of large pictures a sample is tried.
 * @param encodeAndDecode the sample as it looks after an encode at that quality.
 */
export async function findQuality(
  pixels: Samples,
  format: LossyFormat,
  encodeAndDecode: (sample: Samples, quality: number) => Promise<Samples>,
): Promise<QualityFound> {
  const { score: target, least, most, first, slope }: Target = TARGETS[format];
  const sample = sampleOf(pixels);
  const reference = scalesOf(sample);
  let below: Trial = { quality: least - 1, distance: undefined };
  let above: Trial = { quality: most, distance: undefined };
  let score: number | undefined;
  let trials = 0;
  for (let quality = first; trials < TRIALS_MAX && above.quality - below.quality > 0; ) {
    const reached = likeness(reference, scalesOf(await encodeAndDecode(sample, quality)));
    const trial = { quality, distance: closeness(reached) - closeness(target) };
    trials += 1;
    if (trial.distance < 0) below = trial;
    else [above, score] = [trial, reached];
    if (trial.distance >= 0 && trial.distance <= NEAR_ENOUGH) break;
    const left = above.quality - below.quality;
    if (left <= (above.distance === undefined ? 1 : STEPS_LEFT)) break;
    quality = nextQuality(below, above, trial, slope);
  }
  return { quality: above.quality, score, trials };
}

interface Trial {
  readonly quality: number;
  /** From the target, by -ln(1 - score), which is nearly linear in quality; undefined where nothing was tried. */
  readonly distance: number | undefined;
}

/** By the secant where both ends were tried, else by the usual slope; always strictly between, or an end not tried. */
function nextQuality(below: Trial, above: Trial, last: Trial, slope: number): number {
  const bothTried = below.distance !== undefined && above.distance !== undefined;
  const rise = bothTried ? ((above.distance ?? 0) - (below.distance ?? 0)) / (above.quality - below.quality) : slope;
  const guess = Math.ceil(last.quality + (NEAR_ENOUGH / 2 - (last.distance ?? 0)) / Math.max(rise, slope / 4));
  const highest = above.distance === undefined ? above.quality : above.quality - 1;
  return Math.max(below.quality + 1, Math.min(highest, guess));
}

function closeness(score: number): number {
  return -Math.log(Math.max(1e-9, 1 - score));
}

type Scales = readonly [Luma, Luma];

function scalesOf(samples: Samples): Scales {
  const full = lumaOf(samples);
  return [full, halved(full)];
}

/** Mean of the structural similarities at full and at half size: what is seen from near, and from twice as far. */
function likeness(a: Scales, b: Scales): number {
  return (structuralSimilarity(a[0], b[0]) + structuralSimilarity(a[1], b[1])) / 2;
}

/** How much two pictures of one size look alike: 1 for the same, by brightness. */
export function likenessOf(a: Samples, b: Samples): number {
  return likeness(scalesOf(a), scalesOf(b));
}

/** Pictures of more pixels are searched on a sample of about as many. */
const SAMPLE_PIXELS = 600_000;
/** Side of its tiles: whole blocks of every format (AV1's are of 64 or 128), so that each is coded as in its place. */
const TILE = 128;

/** Tiles that lie evenly over the picture, put together to one; the picture itself where it is small. */
export function sampleOf(pixels: Samples): Samples {
  const { data, width, height, channels } = pixels;
  const across = Math.floor(width / TILE);
  const down = Math.floor(height / TILE);
  const share = Math.sqrt(SAMPLE_PIXELS / (width * height));
  if (share >= 1 || across === 0 || down === 0) return pixels;
  const columns = Math.min(across, Math.max(1, Math.round(across * share)));
  const rows = Math.min(down, Math.max(1, Math.round(SAMPLE_PIXELS / TILE ** 2 / columns)));
  const sample = Buffer.allocUnsafe(columns * rows * TILE * TILE * channels);
  const bytes = TILE * channels;
  for (let row = 0, to = 0; row < rows; row += 1) {
    const top = spread(row, rows, down) * TILE;
    for (let y = top; y < top + TILE; y += 1) {
      for (let column = 0; column < columns; column += 1, to += bytes) {
        const from = (y * width + spread(column, columns, across) * TILE) * channels;
        sample.set(data.subarray(from, from + bytes), to);
      }
    }
  }
  return { data: sample, width: columns * TILE, height: rows * TILE, channels };
}

/** Which of `all` places the one at `index` of `count` takes, in the middle of its share. */
function spread(index: number, count: number, all: number): number {
  return Math.floor(((index + 0.5) * all) / count);
}
