import { longerSide, pixelsOf, type Size } from './geometry.ts';
import { PYRAMID_TILE_SIDE } from './pyramid-levels.ts';

/** What a pyramid takes on top of the decode of its source, and what is read from it. */

/** Encoding all of a picture, and all smaller levels, which have a third as many pixels. */
export function pyramidMicros(source: Size): number {
  return ENCODE_MICROS_PER_PIXEL * pixelsOf(source);
}

/** Each level holds two rows of tiles, and each is half as wide as the one before. */
export function pyramidBytes(source: Size): number {
  return 2 * 2 * PYRAMID_TILE_SIDE * 3 * longerSide(source);
}

/** Reading an area of a level: its tiles, and the library's own list of them. */
export function levelMicros(area: Size): number {
  return OPEN_MICROS + READ_MICROS_PER_PIXEL * pixelsOf(area);
}

/** Tiles reach beyond the area, and some rows of them are kept. */
export function levelBytes(area: Size): number {
  return OPEN_BYTES + READ_BYTES_PER_PIXEL * pixelsOf(area);
}

const ENCODE_MICROS_PER_PIXEL = 0.005;
const OPEN_MICROS = 3_000;
const READ_MICROS_PER_PIXEL = 0.015;
const OPEN_BYTES = 16_000_000;
const READ_BYTES_PER_PIXEL = 12;
