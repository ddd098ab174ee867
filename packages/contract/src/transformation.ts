/**
 * The grammar of transformations: what may be asked of an original, by query parameters with the names that the field
 * already uses. One table: a new parameter is one entry in {@link PARAMETERS}, and parsing, canonical form and the
 * reference follow from it. Browser-safe.
 */
export {
  canonicalTransformation,
  QUALITY_DEFAULTS,
  qualityOf,
  resolveTransformation,
} from './transformation/canonical.ts';
export {
  BOX_PIXELS_MAX,
  FITS,
  type Fit,
  OUTPUT_FORMATS,
  type OutputFormat,
  PARAMETERS,
  type ParameterName,
  PLACES,
  type Place,
  SIDE_MAX,
  type Transformation,
} from './transformation/parameters.ts';
export {
  PROBLEMS_MAX,
  parseTransformation,
  shownName,
  TRANSFORMATION_ALIASES,
  type TransformationProblem,
  type TransformationResult,
} from './transformation/parse.ts';
export { ORIGINAL_PRESET, PRESETS, type PresetName } from './transformation/presets.ts';
export type { Crop, Ratio, Rect } from './transformation/values.ts';
