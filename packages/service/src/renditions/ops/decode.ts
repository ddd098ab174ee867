import type { SharpOptions } from 'sharp';
import type { Bounds } from '../bounds.ts';
import type { SourceFacts } from '../source.ts';

/**
 * How a source is opened. JPEG fails on its decoder's warnings, since that is how libjpeg tells of flipped bits in the
 * entropy-coded data; PNG, AVIF and WebP carry checksums or fail by themselves, and their warnings are about metadata.
 * Truncation fails everywhere. Rows are read once, from the top, so that a source is never whole in memory unless its
 * format demands it.
 */
export function decodeOptions(
  source: SourceFacts,
  { animated, page, bounds, lenient }: { animated: boolean; page: number; bounds: Bounds; lenient: boolean },
): SharpOptions {
  return {
    ...(animated ? { animated } : page > 0 && { page }),
    failOn: source.format === 'jpeg' && !lenient ? 'warning' : 'error',
    limitInputPixels: bounds.pixelsMax,
    limitInputChannels: CHANNELS_MAX,
    sequentialRead: true,
    unlimited: false,
  };
}

/** CMYK with alpha. */
const CHANNELS_MAX = 5;

const HARMLESS_WARNINGS: readonly RegExp[] = [
  // Written by the cameras of some Samsung telephones into pictures that are whole.
  /Invalid SOS parameters for sequential JPEG/,
];

/** Whether a decoder's warning is known to come with sound pictures, so that a second, lenient decode is right. */
export function isHarmlessWarning(message: string): boolean {
  return HARMLESS_WARNINGS.some((warning) => warning.test(message));
}
