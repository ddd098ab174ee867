import { planesOnWhite, resample, type Thumbnail } from './thumbnail.ts';

const SIDE = 32;
const WAVES = 8;
/** Below half a level of brightness a wave is arithmetic, not picture. */
const AMPLITUDE_MIN = 0.5;

/**
 * pHash (Zauner, 2010): which of the 64 slowest waves of the brightness stand out above their median, as 16 hexadecimal
 * digits. Scaling, encoding and small changes of brightness or contrast leave nearly all of them where they are.
 */
export function perceptualHash(thumbnail: Thumbnail): string {
  const [red, green, blue] = planesOnWhite(thumbnail);
  const luma = red.map((sample, at) => 0.299 * sample + 0.587 * (green[at] ?? 0) + 0.114 * (blue[at] ?? 0));
  const waves = slowWaves(resample(luma, thumbnail, { width: SIDE, height: SIDE }));
  const sorted = waves.toSorted();
  const median = ((sorted[31] ?? 0) + (sorted[32] ?? 0)) / 2;
  let bits = 0n;
  for (const wave of waves) bits = (bits << 1n) | (wave > median ? 1n : 0n);
  return bits.toString(16).padStart(16, '0');
}

/** The lowest 8 × 8 terms of the two-dimensional DCT-II, in levels. */
function slowWaves(plane: Float64Array): Float64Array {
  const cosines = Float64Array.from({ length: WAVES * SIDE }, (_, at) =>
    Math.cos((Math.PI * Math.floor(at / SIDE) * ((at % SIDE) + 0.5)) / SIDE),
  );
  /** The sum of 32 samples, `stride` apart, against one wave. */
  const along = (samples: Float64Array, from: number, stride: number, wave: number): number => {
    let sum = 0;
    for (let place = 0; place < SIDE; place += 1) {
      sum += (samples[from + place * stride] ?? 0) * (cosines[wave * SIDE + place] ?? 0);
    }
    return sum;
  };
  const rows = Float64Array.from({ length: SIDE * WAVES }, (_, at) =>
    along(plane, Math.floor(at / WAVES) * SIDE, 1, at % WAVES),
  );
  return Float64Array.from({ length: WAVES ** 2 }, (_, at) => {
    const amplitude = (2 * along(rows, at % WAVES, WAVES, Math.floor(at / WAVES))) / SIDE ** 2;
    return Math.abs(amplitude) < AMPLITUDE_MIN ? 0 : amplitude;
  });
}
