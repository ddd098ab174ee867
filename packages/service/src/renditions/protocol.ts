import { z } from 'zod';
import type { BoundCrossed, Bounds } from './bounds.ts';
import { type Cause, causeSchema } from './cause.ts';
import { looksSchema } from './looks.ts';
import type { RenderPlan } from './plan.ts';
import type { PyramidUse } from './pyramid.ts';
import { RENDERED_FORMATS, type SourceFacts, sourceFactsSchema } from './source.ts';

/**
 * What supervisor and worker process say to each other, as JSON over the IPC channel. The supervisor holds every
 * message against the schemas below: a worker decodes strangers' bytes in native code and is not believed. The worker
 * takes the types alone, so that it loads neither the schemas' library nor the contract.
 */

const REJECTION_CODES = [
  'not_an_image',
  'unsupported_format',
  'truncated',
  'corrupt_header',
  'too_many_pixels',
  'too_many_frames',
  'side_too_long',
  'svg_too_long',
  'unsafe_svg',
] as const;
export type RejectionCode = (typeof REJECTION_CODES)[number];

const count = z.int().min(1);
const text = z.string().max(1_000);

const rejectionSchema = z.object({
  code: z.enum(REJECTION_CODES),
  message: text,
  bound: z
    .object({
      name: z.enum(['pixelsMax', 'sideMax', 'framesMax', 'svgBytesMax']),
      limit: z.number(),
      actual: z.number(),
    } satisfies Record<keyof BoundCrossed, z.ZodType>)
    .optional(),
});

/** Why an original is refused before anything is decoded, and the bound that it crosses, if it crosses one. */
export type Rejection = Readonly<z.infer<typeof rejectionSchema>>;

const milliseconds = z.number().min(0);
const index = z.int().min(0);

const outputSchema = z.object({
  /** Which of the job's transformations. */
  index,
  format: z.enum(RENDERED_FORMATS),
  width: count,
  /** Of one frame. */
  height: count,
  frames: count,
  bytes: count,
  /** Spent since the last message; the first output carries the decode. */
  cpuMs: milliseconds,
});

/** An output that lies finished in the job's folder, under its index. */
export type Output = Readonly<z.infer<typeof outputSchema>>;

const outputFailureSchema = z.object({ index, cause: causeSchema, cpuMs: milliseconds });
export type OutputFailure = Readonly<z.infer<typeof outputFailureSchema>>;

const pyramidSchema = z.object({ bytes: count, cpuMs: milliseconds });

/** A pyramid that lies finished in the job's folder; outputs are made of it from now on. */
export type MadePyramid = Readonly<z.infer<typeof pyramidSchema>>;

const doneSchema = z.object({
  cpuMs: milliseconds,
  /** Highest resident memory of the process since it was started. */
  peakRssBytes: z.number().min(0),
});

/** What the worker says. */
export const reportSchema = z.discriminatedUnion('kind', [
  z.object({ kind: z.literal('ready') }),
  z.object({ kind: z.literal('output'), id: z.string(), output: outputSchema }),
  z.object({ kind: z.literal('outputFailed'), id: z.string(), failure: outputFailureSchema }),
  z.object({ kind: z.literal('looks'), id: z.string(), looks: looksSchema }),
  z.object({ kind: z.literal('pyramid'), id: z.string(), ...pyramidSchema.shape }),
  z.object({ kind: z.literal('done'), id: z.string(), ...doneSchema.shape }),
  z.object({ kind: z.literal('facts'), id: z.string(), facts: sourceFactsSchema, cpuMs: milliseconds }),
  z.object({ kind: z.literal('rejected'), id: z.string(), rejection: rejectionSchema, cpuMs: milliseconds }),
]);
export type Report = z.infer<typeof reportSchema>;

/** Make these outputs from `folder/original`; folders are names inside the worker's scratch folder. */
export interface RenderTask {
  readonly kind: 'render';
  readonly id: string;
  readonly folder: string;
  readonly source: SourceFacts;
  readonly plan: RenderPlan;
  readonly bounds: Bounds;
  /** One for each image that an output lays over the picture; absent where none does. */
  readonly marks?: readonly Mark[];
  /** Whether to say what the original looks like, too. */
  readonly looks?: boolean;
  /** Whether `folder/pyramid` is there, or is to be made before all else; what the plan reads from it needs one. */
  readonly pyramid?: PyramidUse;
}

/** An image to lay over others: a file in the job's folder, or why there is none. */
export type Mark = { readonly imageId: string } & (
  | { readonly file: string; readonly source: SourceFacts }
  | { readonly cause: Cause }
);

/** Say what `folder/original` is, without decoding it. */
export interface ProbeTask {
  readonly kind: 'probe';
  readonly id: string;
  readonly folder: string;
  readonly bounds: Bounds;
}

export type Task = RenderTask | ProbeTask;

export type { Cause } from './cause.ts';
export type { Looks } from './looks.ts';
export type { SourceFacts } from './source.ts';
