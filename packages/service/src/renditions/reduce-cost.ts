import { pixelsOf, type Size } from './geometry.ts';
import type { SourceFacts } from './source.ts';

/** What our own decoder of JPEG takes (worker/jpeg-reducer.ts), by how much smaller the picture becomes. */
interface ReduceCost {
  /** CPU by megapixel that is stored, and by megabyte of file. */
  readonly microsPerMegapixel: number;
  readonly microsPerMegabyte: number;
  /** Coefficients that are kept until the last scan, by pixel that is stored, without subsampling. */
  readonly bytesPerPixel: number;
}

type Factor = 2 | 4 | 8;

/** Fitted to 27 files of 2 to 20 megapixels and qualities of 50 to 95: measured times are 0.8 to 1.3 of these, of small progressive ones up to 2.1. */
const BASELINE: Readonly<Record<Factor, ReduceCost>> = {
  2: { microsPerMegapixel: 700, microsPerMegabyte: 9_000, bytesPerPixel: 0 },
  4: { microsPerMegapixel: 400, microsPerMegabyte: 5_100, bytesPerPixel: 0 },
  8: { microsPerMegapixel: 230, microsPerMegabyte: 4_200, bytesPerPixel: 0 },
};
const PROGRESSIVE: Readonly<Record<Factor, ReduceCost>> = {
  2: { microsPerMegapixel: 1_660, microsPerMegabyte: 25_400, bytesPerPixel: 2.8 },
  4: { microsPerMegapixel: 990, microsPerMegabyte: 18_400, bytesPerPixel: 0.9 },
  8: { microsPerMegapixel: 410, microsPerMegabyte: 3_300, bytesPerPixel: 0.5 },
};
/** Of the smaller picture: as it is made, and as it is handed on. */
const COPIES = 2;
const CHANNELS = 3;
/** Of the file: as it is stored, and its coded data. */
const FILE_COPIES = 2;

export function reduceMicros({ progressive, bytes }: SourceFacts, stored: Size, factor: Factor): number {
  const { microsPerMegapixel, microsPerMegabyte } = (progressive ? PROGRESSIVE : BASELINE)[factor];
  return (microsPerMegapixel * pixelsOf(stored) + microsPerMegabyte * bytes) / 1e6;
}

/** Beside the library's, which may have to begin anew. */
export function reduceBytes({ progressive, bytes }: SourceFacts, stored: Size, factor: Factor): number {
  const { bytesPerPixel } = (progressive ? PROGRESSIVE : BASELINE)[factor];
  const smaller = (COPIES * CHANNELS * pixelsOf(stored)) / factor ** 2;
  return FILE_COPIES * bytes + bytesPerPixel * pixelsOf(stored) + smaller;
}
