import type { Base, Decoding } from './base.ts';
import type { Size } from './geometry.ts';
import type { SourceFacts } from './source.ts';

/** How much smaller a decoder makes a picture by itself. Pure: the prediction and the worker process both ask. */
export type Factor = 1 | 2 | 4 | 8;

/**
 * The factor by which a JPEG is decoded to fewer pixels for this target, as sharp chooses it: 8, 4 or 2, but halved when
 * the whole part of the scale is the factor itself, since libjpeg rounds sides up.
 */
export function shrinkOnLoad(source: Size & Pick<SourceFacts, 'format'>, target: Size): Factor {
  if (source.format !== 'jpeg') return 1;
  const scale = Math.min(source.width / target.width, source.height / target.height);
  const whole = Math.trunc(scale);
  if (whole > 8) return 8;
  if (whole > 4) return 4;
  return whole > 2 ? 2 : 1;
}

/** The same of a base, of which only whole pictures are made smaller. */
export function reductionOf({ format }: SourceFacts, base: Base, { cutStored, scaled }: Decoding): Factor {
  if (base.isWide || cutStored || base.trimTolerance !== undefined) return 1;
  return shrinkOnLoad({ format, ...base.stored }, scaled);
}

/**
 * The factor for our own decoder of JPEG (worker/jpeg-reducer.ts), where a base is for that: grey or in the colours of
 * JFIF, and without a profile, which would have to be carried along. At half the size nearly all coefficients of a
 * baseline picture show, and the library is as fast (bench/reduce.ts: 1.0). What it leaves to the library after all only
 * the markers tell.
 */
export function reducerFactor(source: SourceFacts, base: Base, decoding: Decoding): 2 | 4 | 8 | undefined {
  const { format, space, depth, hasProfile, progressive } = source;
  if (format !== 'jpeg' || hasProfile || depth !== 'uchar' || (space !== 'srgb' && space !== 'b-w')) return undefined;
  const factor = reductionOf(source, base, decoding);
  return factor === 1 || (factor === 2 && !progressive) ? undefined : factor;
}
