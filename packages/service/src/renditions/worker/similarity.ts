/**
 * How alike two pictures of one size look: SSIM (Wang et al. 2004) of brightness, by uniform windows of 8 × 8 pixels
 * every 4, which come of sums over blocks of 4 × 4 that are added up once (as x264 does it).
 */

/** Brightness of 8 bits a pixel, row by row. */
export interface Luma {
  readonly data: Uint8Array;
  readonly width: number;
  readonly height: number;
}

/** Interleaved samples of 8 bits: grey, grey and alpha, RGB, or RGB and alpha. */
export interface Samples {
  readonly data: Uint8Array;
  readonly width: number;
  readonly height: number;
  readonly channels: number;
}

/** Brightness by Rec. 601, as JPEG and WebP divide it from colour. Transparent pixels count as black. */
export function lumaOf({ data, width, height, channels }: Samples): Luma {
  const luma = new Uint8Array(width * height);
  const isGrey = channels < 3;
  const alphaAt = channels === 2 ? 1 : channels === 4 ? 3 : -1;
  for (let pixel = 0, at = 0; pixel < luma.length; pixel += 1, at += channels) {
    const value = isGrey
      ? (data[at] ?? 0) << 8
      : 77 * (data[at] ?? 0) + 150 * (data[at + 1] ?? 0) + 29 * (data[at + 2] ?? 0);
    luma[pixel] = (alphaAt < 0 ? value : (value * (data[at + alphaAt] ?? 0)) / 255) >> 8;
  }
  return { data: luma, width, height };
}

/** Half of both sides, by the mean of four pixels; an odd last row or column is left out. */
export function halved({ data, width, height }: Luma): Luma {
  const half = { width: width >> 1, height: height >> 1 };
  const means = new Uint8Array(half.width * half.height);
  for (let y = 0, to = 0; y < half.height; y += 1) {
    for (let at = 2 * y * width, x = 0; x < half.width; x += 1, at += 2, to += 1) {
      const sum = (data[at] ?? 0) + (data[at + 1] ?? 0) + (data[at + width] ?? 0) + (data[at + width + 1] ?? 0);
      means[to] = (sum + 2) >> 2;
    }
  }
  return { data: means, ...half };
}

const BLOCK = 4;
/** Pixels of a window. */
const WINDOW = 64;
/** Of 8-bit samples: (0.01 × 255)² and (0.03 × 255)². */
const C1 = 6.5025;
const C2 = 58.5225;
/** Of each block: sum of one picture, sum of the other, sum of all squares, sum of products. */
const SUMS = 4;

/** Mean SSIM over all windows, 1 for equal pictures. Of a side shorter than a window nothing is compared: 1 then too. */
export function structuralSimilarity(a: Luma, b: Luma): number {
  const across = Math.floor(a.width / BLOCK);
  const down = Math.floor(a.height / BLOCK);
  if (across < 2 || down < 2) return 1;
  let above = new Int32Array(across * SUMS);
  let below = new Int32Array(across * SUMS);
  sumBlocks(a, b, 0, above);
  let total = 0;
  for (let row = 1; row < down; row += 1) {
    sumBlocks(a, b, row, below);
    for (let at = 0; at < (across - 1) * SUMS; at += SUMS) total += windowSimilarity(above, below, at);
    [above, below] = [below, above];
  }
  return total / ((across - 1) * (down - 1));
}

function sumBlocks(a: Luma, b: Luma, row: number, sums: Int32Array): void {
  for (let block = 0, to = 0; to < sums.length; block += BLOCK, to += SUMS) {
    let [sumA, sumB, squares, products] = [0, 0, 0, 0];
    for (let y = 0; y < BLOCK; y += 1) {
      const start = (row * BLOCK + y) * a.width + block;
      for (let at = start; at < start + BLOCK; at += 1) {
        const left = a.data[at] ?? 0;
        const right = b.data[at] ?? 0;
        sumA += left;
        sumB += right;
        squares += left * left + right * right;
        products += left * right;
      }
    }
    sums[to] = sumA;
    sums[to + 1] = sumB;
    sums[to + 2] = squares;
    sums[to + 3] = products;
  }
}

/** SSIM of the window whose four blocks lie at `at` and right of it, in two rows of blocks. */
function windowSimilarity(above: Int32Array, below: Int32Array, at: number): number {
  const sum = (which: number): number =>
    (above[at + which] ?? 0) +
    (above[at + which + SUMS] ?? 0) +
    (below[at + which] ?? 0) +
    (below[at + which + SUMS] ?? 0);
  const meanA = sum(0) / WINDOW;
  const meanB = sum(1) / WINDOW;
  const variances = sum(2) / WINDOW - meanA * meanA - meanB * meanB;
  const covariance = sum(3) / WINDOW - meanA * meanB;
  return ((2 * meanA * meanB + C1) * (2 * covariance + C2)) / ((meanA * meanA + meanB * meanB + C1) * (variances + C2));
}
