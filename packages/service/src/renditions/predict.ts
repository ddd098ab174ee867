import type { Transformation } from '@safelight/contract';
import { type Picture, type PlannedOutput, WAITING_BYTES_MAX } from './arrange.ts';
import { type Decoding, decodingOf } from './base.ts';
import { pixelsOf, type Size } from './geometry.ts';
import { type PlannedBase, planRender } from './plan.ts';
import { searchBytes, searchMicros } from './search-cost.ts';
import type { RenderedFormat, SourceFacts, SourceFormat } from './source.ts';

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
}

/**
 * Predicts a job from its plan: queue order, budgets, admission and deadlines are made of it. The coefficients were
 * fitted to photographs of 0.2 to 24 megapixels on one core of an x86-64 server, with libvips 8.18 through sharp 0.35:
 * most pictures come out within a factor of two in time, and none of those measured above the memory that is predicted.
 * `node bench/fit-cost.ts` measures again.
 */
export function predictJob(source: SourceFacts, transformations: readonly Transformation[]): JobPrediction {
  const { bases } = planRender(source, transformations);
  const decodes = bases.reduce((sum, base) => sum + decodeMicros(source, base), 0);
  const outputs = bases.flatMap((base) => predictOutputs(source, base));
  const costMicros = Math.round(JOB_MICROS + decodes + outputs.reduce((sum, output) => sum + output.costMicros, 0));
  return {
    bytes: Math.round(IDLE_BYTES + Math.max(0, ...bases.map((base) => peakBytes(source, base)))),
    costMicros,
    deadlineMs: Math.round(
      Math.min(DEADLINE_MS_MAX, Math.max(DEADLINE_MS_MIN, (costMicros / 1_000) * DEADLINE_FACTOR)),
    ),
    decodeMicros: Math.round(decodes),
    outputs,
  };
}

/** A machine shared with others may be slower by this much, and a picture that costs more than predicted still ends. */
const DEADLINE_FACTOR = 20;
const DEADLINE_MS_MIN = 10_000;
const DEADLINE_MS_MAX = 120_000;

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

interface EncoderCost {
  readonly microsPerPixel: number;
  readonly bytesPerPixel: number;
}

const ENCODERS: Readonly<Record<RenderedFormat, EncoderCost>> = {
  jpeg: { microsPerPixel: 0.008, bytesPerPixel: 1 },
  png: { microsPerPixel: 0.045, bytesPerPixel: 1.5 },
  webp: { microsPerPixel: 0.045, bytesPerPixel: 6 },
  avif: { microsPerPixel: 0.05, bytesPerPixel: 21 },
  gif: { microsPerPixel: 0.3, bytesPerPixel: 13 },
  tiff: { microsPerPixel: 0.06, bytesPerPixel: 4 },
};
const LOSSLESS_ENCODERS: Readonly<Partial<Record<RenderedFormat, EncoderCost>>> = {
  webp: { microsPerPixel: 0.8, bytesPerPixel: 32 },
  avif: { microsPerPixel: 0.25, bytesPerPixel: 42 },
};
const AVIF_OF_FULL_CHROMA: EncoderCost = { microsPerPixel: 0.07, bytesPerPixel: 30 };
/** Making one output's pixels of the shared ones, by pixel of those. */
const DERIVE_MICROS_PER_PIXEL = 0.004;
/** Row buffers of the pipeline, by pixel of width: the sequential cache keeps some hundred rows. */
const ROWS_BYTES_PER_COLUMN = 1_500;

function decodeMicros(source: SourceFacts, planned: PlannedBase): number {
  const { base, arrangement } = planned;
  const cost = decoderOf(source);
  const decoding = decodingOf(source, base, decodedTo(planned));
  // A page of an animation is made of all that come before it.
  const frames = planned.animated ? source.frames : source.format === 'tiff' ? 1 : (base.page ?? 0) + 1;
  const stored = (pixelsOf(base.stored) / 1e6) * frames;
  const decoded =
    source.format === 'svg' ? pixelsOf(decoding.scaled) / 1e6 : stored / reduction(source, planned, decoding) ** 2;
  const conversion =
    (source.space === 'cmyk' ? CMYK_MICROS : source.hasProfile ? PROFILE_MICROS : 0) +
    (source.hasAlpha ? ALPHA_MICROS : 0);
  const depth = source.depth === 'ushort' || base.isWide ? SIXTEEN_BIT_FACTOR : 1;
  const trimmed = base.trimTolerance === undefined ? 0 : pixelsOf(base.size) * TRIM_MICROS_PER_PIXEL;
  return (
    depth * (cost.microsPerStored * stored + cost.microsPerDecoded * decoded) +
    (cost.microsPerMegabyte * source.bytes * frames) / source.frames / 1e6 +
    conversion * decoded +
    (arrangement.pictures.length === 0 ? 0 : trimmed)
  );
}

/** All pixels are needed to find a border. */
function decodedTo({ base, arrangement }: PlannedBase): Size {
  return base.trimTolerance === undefined ? arrangement.decoded : base.size;
}

/** By how much the decoder itself makes the picture smaller. */
function reduction(source: SourceFacts, { base }: PlannedBase, { cutStored, scaled }: Decoding): number {
  if (base.isWide || cutStored || base.trimTolerance !== undefined) return 1;
  return shrinkOnLoad({ ...source, ...base.stored }, scaled);
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
    const encoded = searchMicros(output, pixelsOut) ?? encoderOf(output).microsPerPixel * pixelsOut;
    return {
      index: output.index,
      costMicros: Math.round(OUTPUT_MICROS + frames * (encoded + pixels)),
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

function encoderOf({ format, lossless, fullChroma }: PlannedOutput): EncoderCost {
  if (fullChroma && format === 'avif') return AVIF_OF_FULL_CHROMA;
  return (lossless && LOSSLESS_ENCODERS[format]) || ENCODERS[format];
}

function peakBytes(source: SourceFacts, planned: PlannedBase): number {
  const { base, arrangement } = planned;
  const { pictures, streamed } = arrangement;
  const decoded = decodedTo(planned);
  const depth = source.depth === 'ushort' || base.isWide ? SIXTEEN_BIT_FACTOR : 1;
  const decoder =
    decoderOf(source).bytesPerPixel *
      depth *
      pixelsOf(source.format === 'svg' ? decodingOf(source, base, decoded).scaled : base.stored) +
    ROWS_BYTES_PER_COLUMN * base.stored.width;
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
  return (
    steps + marked + written + searchBytes(output, pixelsOf(size)) + encoderOf(output).bytesPerPixel * pixelsOf(size)
  );
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
  const depth = source.depth === 'ushort' ? SIXTEEN_BIT_FACTOR : 1;
  return decoderOf(source).bytesPerPixel * depth * pixelsOf(source);
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

/**
 * The factor by which libjpeg decodes to fewer pixels for this target, as sharp chooses it: 8, 4 or 2, but halved when
 * the whole part of the scale is the factor itself, since libjpeg rounds sides up.
 */
export function shrinkOnLoad(source: SourceFacts, target: Size): number {
  if (source.format !== 'jpeg') return 1;
  const scale = Math.min(source.width / target.width, source.height / target.height);
  const factor = scale >= 8 ? 8 : scale >= 4 ? 4 : scale >= 2 ? 2 : 1;
  return factor > 1 && Math.trunc(scale) === factor ? factor / 2 : factor;
}
