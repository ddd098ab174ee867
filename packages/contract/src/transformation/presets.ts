import { canonicalTransformation } from './canonical.ts';

/** Bounding boxes that every tenant has, by name; never enlarged. `original` is no transformation, and reserved. */
export const PRESETS = {
  small: canonicalTransformation({ w: 100, h: 100 }),
  medium: canonicalTransformation({ w: 300, h: 300 }),
  large: canonicalTransformation({ w: 600, h: 600 }),
} as const satisfies Record<string, string>;

export type PresetName = keyof typeof PRESETS;

/** The preset name under which the uploaded bytes themselves are delivered. */
export const ORIGINAL_PRESET = 'original';
