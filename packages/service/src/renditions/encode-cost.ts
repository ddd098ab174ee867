import type { PlannedOutput } from './arrange.ts';
import { effortOf } from './effort.ts';
import type { RenderedFormat } from './source.ts';

/** What an encoder takes for a pixel. */
export interface EncodeCost {
  /** CPU time. */
  readonly microsPerPixel: number;
  /** Peak memory. */
  readonly bytesPerPixel: number;
}

const ENCODERS: Readonly<Record<Exclude<RenderedFormat, 'avif'>, EncodeCost>> = {
  jpeg: { microsPerPixel: 0.008, bytesPerPixel: 1 },
  png: { microsPerPixel: 0.045, bytesPerPixel: 1.5 },
  webp: { microsPerPixel: 0.045, bytesPerPixel: 6 },
  gif: { microsPerPixel: 0.3, bytesPerPixel: 13 },
  tiff: { microsPerPixel: 0.06, bytesPerPixel: 4 },
};
const LOSSLESS_ENCODERS: Readonly<Partial<Record<RenderedFormat, EncodeCost>>> = {
  webp: { microsPerPixel: 0.8, bytesPerPixel: 32 },
  avif: { microsPerPixel: 0.25, bytesPerPixel: 42 },
};
/** By effort, with colour at half the resolution of brightness. */
const AVIF: readonly EncodeCost[] = [
  { microsPerPixel: 0.05, bytesPerPixel: 21 },
  { microsPerPixel: 0.19, bytesPerPixel: 21 },
  { microsPerPixel: 0.28, bytesPerPixel: 21 },
  { microsPerPixel: 0.45, bytesPerPixel: 21 },
];
/** AVIF with colour at the resolution of brightness. */
const FULL_CHROMA_FACTOR = 1.42;

/** What encoding takes for each of an output's `pixels`. */
export function encodeCost(output: PlannedOutput, pixels: number): EncodeCost {
  const { format, lossless, fullChroma } = output;
  const special = lossless ? LOSSLESS_ENCODERS[format] : undefined;
  if (special) return special;
  if (format !== 'avif') return ENCODERS[format];
  const { microsPerPixel, bytesPerPixel } = AVIF[effortOf(output, pixels)] ?? { microsPerPixel: 0, bytesPerPixel: 0 };
  const factor = fullChroma ? FULL_CHROMA_FACTOR : 1;
  return { microsPerPixel: factor * microsPerPixel, bytesPerPixel: factor * bytesPerPixel };
}
