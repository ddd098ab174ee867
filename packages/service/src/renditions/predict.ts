import type { Transformation } from '@safelight/contract';
import type { Lane } from '../jobs/index.ts';
import { type Picture, type PlannedOutput, WAITING_BYTES_MAX } from './arrange.ts';
import { decodingOf } from './base.ts';
import { UNHURRIED_EFFORTS } from './effort.ts';
import { encodeCost } from './encode-cost.ts';
import { longerSide, pixelsOf, type Size } from './geometry.ts';
import { type PlannedBase, planRender } from './plan.ts';
import type { PyramidUse } from './pyramid.ts';
import { levelBytes, levelMicros, pyramidBytes, pyramidMicros } from './pyramid-cost.ts';
import { reducerFactor, reductionOf } from './reduce.ts';
import { reduceBytes, reduceMicros } from './reduce-cost.ts';
import { searchBytes, searchMicros } from './search-cost.ts';
import type { SourceFacts, SourceFormat } from './source.ts';

/** What a job will take, as far as its source's header tells. */
export interface JobPrediction {
  /** Peak resident memory of the worker process, what it needs idle included. */
  readonly bytes: number;
  /** CPU time in microseconds, of decodes and outputs together. */
  readonly costMicros: number;
  /** After which the job's worker is killed. */
  readonly deadlineMs: number;
  /** CPU time of all decodes in microseconds. */
  readonly decodeMicros: number;
  /** Of AVIF's encoder, where nobody waits; undefined where somebody may. */
  readonly effort: number | undefined;
  /** Of those that can be made, in the order of work. */
  readonly outputs: readonly OutputPrediction[];
}

export interface OutputPrediction {
  /** Which of the transformations. */
  readonly index: number;
  /** CPU time in microseconds on top of the decode; pixels that several outputs share are the first one's. */
  readonly costMicros: number;
  /** Memory that is held while it is made, on top of what the process needs idle. */
  readonly bytes: number;
  /** All frames. */
  readonly pixels: number;
}

export interface PredictOptions {
  /** Tells whether somebody waits. */
  readonly lane?: Lane;
  readonly pyramid?: PyramidUse;
}

/**
 * Predicts a job from its plan: queue order, budgets, admission and deadlines are made of it. The coefficients were
 * fitted to photographs of 0.2 to 24 megapixels on one core of an x86-64 server, with libvips 8.18 through sharp 0.35:
 * most pictures come out within a factor of two in time, and none of those measured above the memory that is predicted.
 * `node bench/fit-cost.ts` measures again.
 */
export function predictJob(
  source: SourceFacts,
  transformations: readonly Transformation[],
  { lane = 'live', pyramid = 'none' }: PredictOptions = {},
): JobPrediction {
  for (const effort of lane === 'batch' ? UNHURRIED_EFFORTS : []) {
    const prediction = predictWith(source, transformations, pyramid, effort);
    if (prediction.costMicros <= UNHURRIED_MICROS_MAX) return prediction;
  }
  return predictWith(source, transformations, pyramid, undefined);
}

function predictWith(
  source: SourceFacts,
  transformations: readonly Transformation[],
  pyramid: PyramidUse,
  effort: number | undefined,
): JobPrediction {
  const { bases } = planRender(source, transformations, pyramid !== 'none', effort);
  const makes = pyramid === 'make';
  // Who waits in vain for another who makes it takes the original.
  const peaks = makes ? [...bases, ...planRender(source, transformations, false, effort).bases] : bases;
  const decodes = bases.reduce((sum, base) => sum + decodeMicros(source, base), makes ? makingMicros(source) : 0);
  const outputs = bases.flatMap((base) => predictOutputs(source, base));
  const costMicros = Math.round(JOB_MICROS + decodes + outputs.reduce((sum, output) => sum + output.costMicros, 0));
  return {
    bytes: Math.round(
      IDLE_BYTES + Math.max(makes ? makingBytes(source) : 0, ...peaks.map((base) => peakBytes(source, base))),
    ),
    costMicros,
    deadlineMs: Math.round(
      Math.min(DEADLINE_MS_MAX, Math.max(DEADLINE_MS_MIN, (costMicros / 1_000) * DEADLINE_FACTOR)),
    ),
    decodeMicros: Math.round(decodes),
    effort,
    outputs,
  };
}

/** A machine shared with others may be slower by this much, and a picture that costs more than predicted still ends. */
const DEADLINE_FACTOR = 20;
const DEADLINE_MS_MIN = 10_000;
const DEADLINE_MS_MAX = 120_000;
/** What a job may be predicted to take with more effort than it needs: what leaves it its whole share of the deadline. */
const UNHURRIED_MICROS_MAX = (DEADLINE_MS_MAX / DEADLINE_FACTOR) * 1_000;

/** Resident after the warm-up: Node.js, libvips and one use of every encoder. */
const IDLE_BYTES = 110_000_000;
/** Messages, opening of files and starting of pipelines. */
const JOB_MICROS = 2_000;
const OUTPUT_MICROS = 1_500;

interface DecoderCost {
  /** CPU by megapixel that is stored, by megabyte of file, and by megapixel that comes out after shrink-on-load. */
  readonly microsPerStored: number;
  readonly microsPerMegabyte: number;
  readonly microsPerDecoded: number;
  /** Memory by stored pixel of one frame. */
  readonly bytesPerPixel: number;
}

const DECODERS: Readonly<Record<SourceFormat, DecoderCost>> = {
  jpeg: { microsPerStored: 300, microsPerMegabyte: 10_000, microsPerDecoded: 6_000, bytesPerPixel: 0.4 },
  png: { microsPerStored: 4_000, microsPerMegabyte: 4_000, microsPerDecoded: 2_000, bytesPerPixel: 1.5 },
  webp: { microsPerStored: 7_000, microsPerMegabyte: 25_000, microsPerDecoded: 1_000, bytesPerPixel: 5 },
  gif: { microsPerStored: 8_000, microsPerMegabyte: 15_000, microsPerDecoded: 4_000, bytesPerPixel: 9 },
  avif: { microsPerStored: 48_000, microsPerMegabyte: 0, microsPerDecoded: 5_000, bytesPerPixel: 20 },
  heic: { microsPerStored: 48_000, microsPerMegabyte: 0, microsPerDecoded: 5_000, bytesPerPixel: 20 },
  tiff: { microsPerStored: 4_000, microsPerMegabyte: 4_000, microsPerDecoded: 2_000, bytesPerPixel: 4 },
  svg: { microsPerStored: 0, microsPerMegabyte: 300_000, microsPerDecoded: 60_000, bytesPerPixel: 4 },
};

/**
 * A progressive JPEG is decoded only when all its coefficients are there: 2 bytes each, 3 by pixel with 4:2:0 and 6
 * with 4:4:4, which the header facts do not tell apart.
 */
const PROGRESSIVE_JPEG: DecoderCost = {
  microsPerStored: 3_100,
  microsPerMegabyte: 53_000,
  microsPerDecoded: 6_000,
  bytesPerPixel: 6.7,
};
const INTERLACED_PNG: DecoderCost = {
  microsPerStored: 9_000,
  microsPerMegabyte: 8_000,
  microsPerDecoded: 2_000,
  bytesPerPixel: 5,
};

/** On top, by megapixel that comes out of the decoder. */
const PROFILE_MICROS = 10_000;
const CMYK_MICROS = 75_000;
const ALPHA_MICROS = 20_000;
/** A sample of 16 bits takes twice the room, and nearly twice the time. */
const SIXTEEN_BIT_FACTOR = 2;

/** Making one output's pixels of the shared ones, by pixel of those. */
const DERIVE_MICROS_PER_PIXEL = 0.004;
/** Row buffers of the pipeline, by pixel of width: the sequential cache keeps some hundred rows. */
const ROWS_BYTES_PER_COLUMN = 1_500;

/** Making the pyramid: a decode of all of the source, in its full size. */
function makingMicros(source: SourceFacts): number {
  const pixels = pixelsOf(source);
  const { microsPerStored, microsPerDecoded, microsPerMegabyte } = decoderOf(source);
  const perDecoded = depthOf(source) * (microsPerStored + microsPerDecoded) + conversionMicros(source);
  return (perDecoded * pixels + microsPerMegabyte * source.bytes) / 1e6 + pyramidMicros(source);
}

function makingBytes(source: SourceFacts): number {
  return decoderBytes(source) + ROWS_BYTES_PER_COLUMN * longerSide(source) + pyramidBytes(source);
}

function depthOf({ depth }: SourceFacts): number {
  return depth === 'ushort' ? SIXTEEN_BIT_FACTOR : 1;
}

/** By megapixel that comes out of the decoder. */
function conversionMicros({ space, hasProfile, hasAlpha }: SourceFacts): number {
  return (space === 'cmyk' ? CMYK_MICROS : hasProfile ? PROFILE_MICROS : 0) + (hasAlpha ? ALPHA_MICROS : 0);
}

function decodeMicros(source: SourceFacts, planned: PlannedBase): number {
  const { base, arrangement } = planned;
  const cost = decoderOf(source);
  const decoding = decodingOf(source, base, decodedTo(planned));
  if (decoding.cutStored && base.fromPyramid) return levelMicros(decoding.cutStored);
  const factor = reducerFactor(source, base, decoding);
  if (factor) return reduceMicros(source, base.stored, factor);
  // A page of an animation is made of all that come before it.
  const frames = planned.animated ? source.frames : source.format === 'tiff' ? 1 : (base.page ?? 0) + 1;
  const stored = (pixelsOf(base.stored) / 1e6) * frames;
  const decoded =
    source.format === 'svg' ? pixelsOf(decoding.scaled) / 1e6 : stored / reductionOf(source, base, decoding) ** 2;
  const depth = base.isWide ? SIXTEEN_BIT_FACTOR : depthOf(source);
  const trimmed = base.trimTolerance === undefined ? 0 : pixelsOf(base.size) * TRIM_MICROS_PER_PIXEL;
  return (
    depth * (cost.microsPerStored * stored + cost.microsPerDecoded * decoded) +
    (cost.microsPerMegabyte * source.bytes * frames) / source.frames / 1e6 +
    conversionMicros(source) * decoded +
    (arrangement.pictures.length === 0 ? 0 : trimmed)
  );
}

/** All pixels are needed to find a border. */
function decodedTo({ base, arrangement }: PlannedBase): Size {
  return base.trimTolerance === undefined ? arrangement.decoded : base.size;
}

function predictOutputs(source: SourceFacts, { arrangement }: PlannedBase): OutputPrediction[] {
  const { pictures, order, decoded } = arrangement;
  const seen = new Set<number>();
  return order.flatMap(([place, outputPlace]) => {
    const picture = pictures[place];
    const output = picture?.outputs[outputPlace];
    if (!picture || !output) return [];
    const frames = picture.animated ? source.frames : 1;
    const pixels = seen.has(place) ? 0 : developMicros(decoded, picture);
    seen.add(place);
    const pixelsOut = pixelsOf(picture.layout.size);
    const encoded = searchMicros(output, pixelsOut) ?? encodeCost(output, pixelsOut).microsPerPixel * pixelsOut;
    return {
      index: output.index,
      costMicros: Math.round(OUTPUT_MICROS + frames * (encoded + pixels)),
      pixels: frames * pixelsOut,
      bytes: Math.round(sharedBytes(source, arrangement) + outputBytes(source, picture, output)),
    };
  });
}

/** Making a picture's pixels of the shared ones. */
function developMicros(decoded: Size, { layout, transformation }: Picture): number {
  const { scaled, size, framed, cutFirst, cut } = layout;
  const from = cutFirst ?? decoded;
  let micros = 0;
  if (pixelsOf(scaled) < pixelsOf(from)) micros += DERIVE_MICROS_PER_PIXEL * pixelsOf(from);
  if (pixelsOf(scaled) > pixelsOf(from)) micros += ENLARGE_MICROS_PER_PIXEL * pixelsOf(scaled);
  for (const each of [cutFirst, cut]) {
    if (each && 'sought' in each) micros += SEEK_MICROS_PER_PIXEL * pixelsOf(each === cut ? scaled : decoded);
  }
  if (transformation.mark !== undefined) micros += MARK_MICROS;
  if (layout.canvas) micros += TREATMENT_MICROS_PER_PIXEL.pad * pixelsOf(framed);
  for (const name of TREATMENTS) {
    if (transformation[name] === undefined) continue;
    micros += TREATMENT_MICROS_PER_PIXEL[name] * Math.max(pixelsOf(framed), pixelsOf(size));
  }
  return micros;
}

/** By pixel of the picture, or of its canvas where that is larger. */
const TREATMENT_MICROS_PER_PIXEL = {
  bri: 0.012,
  con: 0.012,
  gam: 0.012,
  sat: 0.015,
  hue: 0.015,
  invert: 0.015,
  sepia: 0.015,
  monochrome: 0.015,
  blur: 0.045,
  sharp: 0.09,
  flip: 0.005,
  rot: 0.045,
  pad: 0.012,
  'border-radius': 0.03,
  mark: 0.03,
  txt: 0.03,
} as const satisfies Partial<Record<keyof Transformation, number>>;
const TREATMENTS = Object.keys(TREATMENT_MICROS_PER_PIXEL) as (keyof typeof TREATMENT_MICROS_PER_PIXEL)[];
const ENLARGE_MICROS_PER_PIXEL = 0.025;
const SEEK_MICROS_PER_PIXEL = 0.02;
/** Decoding one. */
const MARK_MICROS = 50_000;
const TRIM_MICROS_PER_PIXEL = 0.01;

function peakBytes(source: SourceFacts, planned: PlannedBase): number {
  const { base, arrangement } = planned;
  const { pictures, streamed } = arrangement;
  const decoded = decodedTo(planned);
  const depth = base.isWide ? SIXTEEN_BIT_FACTOR : depthOf(source);
  const decoding = decodingOf(source, base, decoded);
  const library =
    decoding.cutStored && base.fromPyramid
      ? levelBytes(decoding.cutStored)
      : decoderOf(source).bytesPerPixel * depth * pixelsOf(source.format === 'svg' ? decoding.scaled : base.stored) +
        ROWS_BYTES_PER_COLUMN * base.stored.width;
  const factor = reducerFactor(source, base, decoding);
  const reducer = factor ? reduceBytes(source, base.stored, factor) : 0;
  const decoder = library + reducer;
  // Rows that leave the resize as a quarter turn wait for the last of them, beside the pixels that they become.
  const turned = base.orientation > 4 ? pixelsOf(decoded) * channelsOf(source) : 0;
  const output = Math.max(
    0,
    ...pictures.flatMap((picture) => picture.outputs.map((output) => outputBytes(source, picture, output))),
  );
  if (base.trimTolerance !== undefined) {
    const whole = pixelsOf(decoded) * channelsOf(source) * (planned.animated ? source.frames : 1);
    return Math.max(decoder + turned, sharedBytes(source, arrangement) + output) + whole;
  }
  if (streamed) return decoder + turned + output;
  return Math.max(decoder + turned, output + waitingBytes(source, arrangement)) + sharedBytes(source, arrangement);
}

function channelsOf({ hasAlpha }: SourceFacts): number {
  return hasAlpha ? 4 : 3;
}

function sharedBytes(source: SourceFacts, { decoded, streamed, pictures }: PlannedBase['arrangement']): number {
  if (streamed) return 0;
  const frames = pictures.some(({ animated }) => animated) ? source.frames : 1;
  return pixelsOf(decoded) * channelsOf(source) * frames;
}

/** Pictures that were made and wait for a slower encoder. */
function waitingBytes(source: SourceFacts, { pictures }: PlannedBase['arrangement']): number {
  const shared = pictures.filter(({ outputs }) => outputs.length > 1);
  const all = shared.reduce(
    (sum, { layout, animated }) => sum + framesOf(source, animated) * 4 * pixelsOf(layout.size),
    0,
  );
  const second = pictures[1] ? pixelsOf(pictures[1].layout.size) * channelsOf(source) : 0;
  return Math.max(second, Math.min(all, WAITING_BYTES_MAX));
}

/** Of the encoder, and of pixels between steps of a picture that is not only scaled. */
function outputBytes(
  source: SourceFacts,
  { layout, transformation, animated }: Picture,
  output: PlannedOutput,
): number {
  const { scaled, framed, size, canvas, cut, cutFirst } = layout;
  const isTreated =
    [canvas, cut, cutFirst].some((each) => each !== undefined) ||
    TREATMENTS.some((name) => transformation[name] !== undefined);
  const largest = Math.max(pixelsOf(scaled), pixelsOf(framed), pixelsOf(size));
  const steps = isTreated ? STEP_BYTES_PER_PIXEL * largest * framesOf(source, animated) : 0;
  const marked = transformation.mark === undefined ? 0 : MARK_BYTES_MAX;
  const written = transformation.txt === undefined ? 0 : TEXT_BYTES_PER_PIXEL * pixelsOf(size);
  const pixels = pixelsOf(size);
  const encoded = encodeCost(output, pixels).bytesPerPixel * pixels;
  return steps + marked + written + searchBytes(output, pixels) + encoded;
}

/** Letters as they are drawn, of which some may not fit, and as they are laid over. */
const TEXT_BYTES_PER_PIXEL = 8;

/**
 * What decoding a mark may take. Its header is not at hand when a job is predicted, so each is counted with this. It
 * holds a baseline JPEG of any size, a progressive one of 9 megapixels, a PNG of 42, a WebP of 12 and an AVIF of 3.
 */
export const MARK_BYTES_MAX = 64_000_000;

/** Memory that decoding a picture takes at most. */
export function decoderBytes(source: SourceFacts): number {
  if (source.format === 'svg') return 0;
  return decoderOf(source).bytesPerPixel * depthOf(source) * pixelsOf(source);
}

/** Copies with an alpha channel, one of which becomes the other, and the library's own. */
const STEP_BYTES_PER_PIXEL = 12;

function framesOf({ frames }: SourceFacts, animated: boolean): number {
  return animated ? frames : 1;
}

function decoderOf({ format, progressive }: SourceFacts): DecoderCost {
  if (progressive && format === 'jpeg') return PROGRESSIVE_JPEG;
  if (progressive && format === 'png') return INTERLACED_PNG;
  return DECODERS[format];
}
