import { boxOf } from './canonical.ts';
import { BOX_PIXELS_MAX, isParameterName, PARAMETERS, type Transformation } from './parameters.ts';

export interface TransformationProblem {
  /** As the caller wrote it. */
  readonly parameter: string;
  /** What would have been accepted, in words. */
  readonly allowed: string;
}

export type TransformationResult =
  | { readonly ok: true; readonly transformation: Transformation }
  | { readonly ok: false; readonly problems: readonly TransformationProblem[] };

/** Other names of the field for the same value, by `name=text`. */
export const TRANSFORMATION_ALIASES: Readonly<Record<string, string>> = {
  'fm=jpeg': 'jpg',
  'fm=tif': 'tiff',
  'fit=clip': 'max',
};

/** An answer names this many problems; a URL can hold thousands. */
export const PROBLEMS_MAX = 16;
const NAME_CHARACTERS_MAX = 64;

/**
 * Reads query parameters, such as a `URLSearchParams` or the entries of an object.
 * @returns the transformation, or the problems: unknown and repeated parameters, values out of range, contradictions.
 */
export function parseTransformation(entries: Iterable<readonly [string, string]>): TransformationResult {
  const problems: TransformationProblem[] = [];
  const values = new Map<string, unknown>();
  for (const [parameter, text] of entries) {
    if (problems.length >= PROBLEMS_MAX) break;
    if (!isParameterName(parameter)) {
      problems.push({
        parameter: shownName(parameter),
        allowed: `a parameter among ${Object.keys(PARAMETERS).join(', ')}`,
      });
    } else if (values.has(parameter)) {
      problems.push({ parameter, allowed: 'once only' });
    } else {
      const read = PARAMETERS[parameter].schema.safeParse(TRANSFORMATION_ALIASES[`${parameter}=${text}`] ?? text);
      values.set(parameter, read.data);
      if (!read.success) problems.push({ parameter, allowed: PARAMETERS[parameter].allowed });
    }
  }
  if (problems.length > 0) return { ok: false, problems };
  // The table's schemas gave every value its parameter's type.
  const transformation = Object.fromEntries(values) as Transformation;
  const contradiction = contradictionOf(transformation);
  return contradiction ? { ok: false, problems: [contradiction] } : { ok: true, transformation };
}

/** A parameter's name as an answer tells it: the beginning of one that is long. */
export function shownName(name: string): string {
  return name.length > NAME_CHARACTERS_MAX ? `${name.slice(0, NAME_CHARACTERS_MAX).toWellFormed()}…` : name;
}

const ENLARGING: ReadonlySet<string> = new Set(['fill', 'fillmax', 'min', 'scale']);

/** What each parameter allows by itself and all together do not. */
function contradictionOf(transformation: Transformation): TransformationProblem | undefined {
  const { fit } = transformation;
  if (fit === undefined || !ENLARGING.has(fit)) return undefined;
  const { w = 1, h = 1 } = boxOf(transformation);
  if (w * h <= BOX_PIXELS_MAX) return undefined;
  return {
    parameter: transformation.w === undefined ? 'h' : 'w',
    allowed: `with fit=${fit} a box of at most ${BOX_PIXELS_MAX} pixels`,
  };
}
