import type { SourceFacts } from './source.ts';

/** What an original may be. Everything that is decoded was held against these first, from its header alone. */
export interface Bounds {
  /** Width × height × frames. Governs memory and time of a decode more than anything else does. */
  readonly pixelsMax: number;
  /** Longest side in pixels. */
  readonly sideMax: number;
  readonly framesMax: number;
  /** An SVG is a program: its length bounds what has to be checked and parsed. */
  readonly svgBytesMax: number;
}

export type BoundName = keyof Bounds;

/**
 * 100 megapixels take in every camera on sale but not the bombs (a PNG of 20000 × 20000 is 400). JPEG and PNG encoders
 * in the field stop at sides of 65535. A thousand frames are 40 s of animation at 25 per second.
 */
export const BOUNDS_DEFAULT: Bounds = {
  pixelsMax: 100_000_000,
  sideMax: 65_535,
  framesMax: 1_000,
  svgBytesMax: 2 * 1024 * 1024,
};

export interface BoundCrossed {
  readonly name: BoundName;
  readonly limit: number;
  readonly actual: number;
}

/** The first bound that the facts cross, or undefined. */
export function boundCrossed(
  facts: Pick<SourceFacts, 'width' | 'height' | 'frames'>,
  bounds: Bounds,
): BoundCrossed | undefined {
  const { width, height, frames } = facts;
  const held: readonly [BoundName, number][] = [
    ['sideMax', Math.max(width, height)],
    ['framesMax', frames],
    ['pixelsMax', width * height * frames],
  ];
  for (const [name, actual] of held) if (actual > bounds[name]) return { name, limit: bounds[name], actual };
  return undefined;
}
