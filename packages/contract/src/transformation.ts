import { z } from 'zod';

/**
 * The grammar of transformations: what may be asked of an original, by query parameters with the names that the field
 * already uses. One table: a new parameter is one entry in {@link PARAMETERS}, and parsing, canonical form and the
 * reference follow from it. Browser-safe.
 */

/** Longest side that can be asked for, in pixels: what every output format but WebP (16,383) can hold and a screen can use. */
export const SIDE_MAX = 16_384;

/** Output formats, by the names that URLs carry. */
export const OUTPUT_FORMATS = ['jpg', 'png', 'webp', 'avif', 'gif'] as const;
export type OutputFormat = (typeof OUTPUT_FORMATS)[number];

/**
 * Quality where none is asked for; formats that are lossless here have none. AVIF's is the one that meets JPEG 80 at
 * equal SSIM (measured: 0.74 of its bytes).
 */
export const QUALITY_DEFAULTS = { jpg: 80, webp: 80, avif: 67 } as const satisfies Partial<
  Record<OutputFormat, number>
>;

const ALIASES: Readonly<Record<string, string>> = { 'fm=jpeg': 'jpg' };

const wholeNumber = (least: number, most: number) =>
  z
    .string()
    .regex(/^\d{1,6}$/)
    .transform(Number)
    .pipe(z.number().min(least).max(most));

/** Each parameter: how its text is read, and the range that an answer to bad input names. */
export const PARAMETERS = {
  w: { schema: wholeNumber(1, SIDE_MAX), allowed: `a whole number of pixels from 1 to ${SIDE_MAX}` },
  h: { schema: wholeNumber(1, SIDE_MAX), allowed: `a whole number of pixels from 1 to ${SIDE_MAX}` },
  fit: { schema: z.enum(['max']), allowed: 'max (inside the box, never enlarged)' },
  fm: { schema: z.enum(OUTPUT_FORMATS), allowed: `one of ${OUTPUT_FORMATS.join(', ')}` },
  q: { schema: wholeNumber(1, 100), allowed: 'a whole number from 1 to 100' },
} as const satisfies Record<string, { readonly schema: z.ZodType<unknown, string>; readonly allowed: string }>;

export type ParameterName = keyof typeof PARAMETERS;

/** What to do to an original. Absent `fm`: the original's format where a browser shows it, else JPEG, or PNG by alpha. */
export type Transformation = {
  readonly [Name in ParameterName]?: z.output<(typeof PARAMETERS)[Name]['schema']>;
};

export interface TransformationProblem {
  /** As the caller wrote it. */
  readonly parameter: string;
  /** What would have been accepted, in words. */
  readonly allowed: string;
}

export type TransformationResult =
  | { readonly ok: true; readonly transformation: Transformation }
  | { readonly ok: false; readonly problems: readonly TransformationProblem[] };

/**
 * Reads query parameters, such as a `URLSearchParams` or the entries of an object.
 * @returns the transformation, or every problem: unknown and repeated parameters, and values out of range.
 */
export function parseTransformation(entries: Iterable<readonly [string, string]>): TransformationResult {
  const problems: TransformationProblem[] = [];
  const values: Record<string, unknown> = {};
  for (const [parameter, text] of entries) {
    const known = isParameterName(parameter) ? PARAMETERS[parameter] : undefined;
    if (!known) {
      problems.push({ parameter, allowed: `a parameter among ${Object.keys(PARAMETERS).join(', ')}` });
    } else if (parameter in values) {
      problems.push({ parameter, allowed: 'once only' });
    } else {
      const read = known.schema.safeParse(ALIASES[`${parameter}=${text}`] ?? text);
      values[parameter] = read.data;
      if (!read.success) problems.push({ parameter, allowed: known.allowed });
    }
  }
  // The table's schemas gave every value its parameter's type.
  return problems.length > 0 ? { ok: false, problems } : { ok: true, transformation: values as Transformation };
}

/**
 * The one text of a transformation, such as `fit=max&h=100&w=100`: sorted by name, defaults written out, and without
 * parameters that change nothing. Two transformations that ask for the same have the same text; it is what digests
 * and unique columns are taken of, and {@link parseTransformation} reads it back.
 */
export function canonicalTransformation(transformation: Transformation): string {
  const resolved = resolveDefaults(transformation);
  return Object.keys(resolved)
    .filter(isParameterName)
    .sort()
    .flatMap((name) => (resolved[name] === undefined ? [] : [`${name}=${resolved[name]}`]))
    .join('&');
}

/** With defaults in place and parameters dropped that have no effect: `fit` without a box, `q` of a lossless format. */
function resolveDefaults({ fit, q, ...rest }: Transformation): Transformation {
  const boxed = rest.w !== undefined || rest.h !== undefined;
  const quality = rest.fm === undefined ? q : qualityOf(rest.fm, q);
  return { ...rest, ...(boxed && { fit: fit ?? 'max' }), ...(quality !== undefined && { q: quality }) };
}

/** The quality at which `format` is written when `asked`, or undefined for a format that knows none. */
export function qualityOf(format: OutputFormat, asked: number | undefined): number | undefined {
  return format in QUALITY_DEFAULTS ? (asked ?? QUALITY_DEFAULTS[format as keyof typeof QUALITY_DEFAULTS]) : undefined;
}

/** Bounding boxes that every tenant has, by name; never enlarged. `original` is no transformation, and reserved. */
export const PRESETS = {
  small: canonicalTransformation({ w: 100, h: 100 }),
  medium: canonicalTransformation({ w: 300, h: 300 }),
  large: canonicalTransformation({ w: 600, h: 600 }),
} as const satisfies Record<string, string>;

export type PresetName = keyof typeof PRESETS;

/** The preset name under which the uploaded bytes themselves are delivered. */
export const ORIGINAL_PRESET = 'original';

function isParameterName(name: string): name is ParameterName {
  return Object.hasOwn(PARAMETERS, name);
}
