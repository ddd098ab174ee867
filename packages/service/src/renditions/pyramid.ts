import type { PlannedOutput } from './arrange.ts';
import type { Base } from './base.ts';
import { longerSide, pixelsOf, type Size } from './geometry.ts';
import { OVERSAMPLING, PYRAMID_QUALITY } from './pyramid-levels.ts';
import type { SourceFacts } from './source.ts';

/**
 * The pyramid of a large picture: all of it once more, cut into tiles, at its full size and at every half of that, so
 * that an area of it costs as much as the area shows and not as much as the picture has. It is made by the first job
 * that wants an area, and kept beside the original. Pure, and without imports at run time but geometry's.
 */

/** What a job does about a pyramid: it reads none, makes it before all else, or reads the one that is kept. */
export type PyramidUse = 'none' | 'make' | 'ready';

/**
 * A tile of 100 megapixels of baseline JPEG takes four times the CPU from the original, all processes counted, and one of
 * a third as many hardly more than from a pyramid; only progressive ones and PNGs would still gain.
 */
const PIXELS_MIN = 32_000_000;
/** Of all levels. Photographs take 0.1 to 0.3, and what takes more is noise. */
const BYTES_PER_PIXEL_MAX = 1;

/** Whether areas of this picture are worth a pyramid: it is large, still, and has no transparency, which JPEG has not. */
export function canHavePyramid(source: SourceFacts): boolean {
  const { format, frames, hasAlpha } = source;
  return format !== 'svg' && frames === 1 && !hasAlpha && pixelsOf(source) >= PIXELS_MIN;
}

/**
 * Whether an output looks the same when it is made of the pyramid: those do that are of no higher quality than its
 * tiles, and need nothing which it has not, such as colours beyond sRGB, a border to be found or words of the header.
 * @param scaled what all of the base is brought to
 */
export function isServedByPyramid(source: SourceFacts, base: Base, output: PlannedOutput, scaled: Size): boolean {
  const { quality = PYRAMID_QUALITY + 1, searched, fullChroma, credited } = output;
  if (!canHavePyramid(source) || quality > PYRAMID_QUALITY || searched || fullChroma || credited) return false;
  if (base.isWide || base.trimTolerance !== undefined) return false;
  return base.rect !== undefined || longerSide(base.size) >= OVERSAMPLING * longerSide(scaled);
}

/** The pyramid of a picture as a source of its own: stored as the picture is, upright or not. */
export function pyramidFacts(source: SourceFacts): SourceFacts {
  const { space } = source;
  return {
    ...source,
    format: 'tiff',
    space: space === 'b-w' || space === 'grey16' ? 'b-w' : 'srgb',
    depth: 'uchar',
    hasProfile: false,
    progressive: false,
    palette: false,
  };
}

/** Longer than this, a pyramid is not kept. */
export function pyramidBytesMax(source: SourceFacts): number {
  return BYTES_PER_PIXEL_MAX * pixelsOf(source);
}
