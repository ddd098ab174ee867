import type { Transformation } from '@safelight/contract';
import { planRender, type RenderPlan, type Size } from './plan.ts';
import type { RenderedFormat, SourceFacts, SourceFormat } from './source.ts';

/** What a job will take, as far as its source's header tells. */
export interface JobPrediction {
  /** Peak resident memory of the worker process, what it needs idle included. */
  readonly bytes: number;
  /** CPU time in microseconds. */
  readonly costMicros: number;
  /** After which the job's worker is killed. */
  readonly deadlineMs: number;
}

/**
 * Predicts a job from its plan: queue order, budgets, admission and deadlines are made of it. The coefficients were
 * fitted to photographs of 0.2 to 24 megapixels on one core of an x86-64 server, with libvips 8.18 through sharp 0.35:
 * most pictures come out within a factor of two in time, and none of those measured above the memory that is predicted.
 * `node bench/fit-cost.ts` measures again.
 */
export function predictJob(source: SourceFacts, transformations: readonly Transformation[]): JobPrediction {
  const plan = planRender(source, transformations);
  const costMicros = Math.round(JOB_MICROS + decodeMicros(source, plan) + encodeMicros(source, plan));
  return {
    bytes: Math.round(IDLE_BYTES + peakBytes(source, plan)),
    costMicros,
    deadlineMs: Math.round(
      Math.min(DEADLINE_MS_MAX, Math.max(DEADLINE_MS_MIN, (costMicros / 1_000) * DEADLINE_FACTOR)),
    ),
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

const ENCODERS: Readonly<Record<RenderedFormat, { readonly microsPerPixel: number; readonly bytesPerPixel: number }>> =
  {
    jpeg: { microsPerPixel: 0.008, bytesPerPixel: 1 },
    png: { microsPerPixel: 0.045, bytesPerPixel: 1.5 },
    webp: { microsPerPixel: 0.045, bytesPerPixel: 6 },
    avif: { microsPerPixel: 0.05, bytesPerPixel: 21 },
    gif: { microsPerPixel: 0.3, bytesPerPixel: 13 },
  };
/** Making one output's pixels of the shared ones, by pixel of those. */
const DERIVE_MICROS_PER_PIXEL = 0.004;
/** Row buffers of the pipeline, by pixel of width: the sequential cache keeps some hundred rows. */
const ROWS_BYTES_PER_COLUMN = 1_500;

function decodeMicros(source: SourceFacts, plan: RenderPlan): number {
  const cost = decoderOf(source);
  const stored = megapixels(source) * framesOf(source, plan);
  const decoded = source.format === 'svg' ? megapixels(plan.decoded) : stored / shrinkOnLoad(source, plan.decoded) ** 2;
  const conversion =
    (source.space === 'cmyk' ? CMYK_MICROS : source.hasProfile ? PROFILE_MICROS : 0) +
    (source.hasAlpha ? ALPHA_MICROS : 0);
  const depth = source.depth === 'ushort' ? SIXTEEN_BIT_FACTOR : 1;
  return (
    depth * (cost.microsPerStored * stored + cost.microsPerDecoded * decoded) +
    (cost.microsPerMegabyte * source.bytes * framesOf(source, plan)) / source.frames / 1e6 +
    conversion * decoded
  );
}

function encodeMicros(source: SourceFacts, plan: RenderPlan): number {
  const shared = area(plan.decoded);
  let micros = 0;
  for (const { size, outputs } of plan.groups) {
    for (const output of outputs) {
      const frames = output.animated ? source.frames : 1;
      const derived = area(size) < shared ? DERIVE_MICROS_PER_PIXEL * shared : 0;
      micros += OUTPUT_MICROS + frames * (ENCODERS[output.format].microsPerPixel * area(size) + derived);
    }
  }
  return micros;
}

function peakBytes(source: SourceFacts, plan: RenderPlan): number {
  const channels = source.hasAlpha ? 4 : 3;
  const depth = source.depth === 'ushort' ? SIXTEEN_BIT_FACTOR : 1;
  const decoder =
    decoderOf(source).bytesPerPixel * depth * area(source.format === 'svg' ? plan.decoded : source) +
    ROWS_BYTES_PER_COLUMN * source.width;
  const encoder = Math.max(
    ...plan.groups.flatMap(({ size, outputs }) =>
      outputs.map(({ format }) => ENCODERS[format].bytesPerPixel * area(size)),
    ),
  );
  // Rows that leave the resize as a quarter turn wait for the last of them, beside the pixels that they become.
  const turned = source.orientation > 4 ? area(plan.decoded) * channels : 0;
  if (plan.streamed) return decoder + turned + encoder;
  const shared = area(plan.decoded) * channels * framesOf(source, plan);
  const derived = plan.groups.length > 1 ? area(plan.groups[1]?.size ?? plan.decoded) * channels : 0;
  return Math.max(decoder + turned, encoder + derived) + shared;
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

function framesOf(source: SourceFacts, plan: RenderPlan): number {
  return plan.animated ? source.frames : 1;
}

function megapixels(size: Size): number {
  return area(size) / 1e6;
}

function area({ width, height }: Size): number {
  return width * height;
}
