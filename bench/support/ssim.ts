import { createRequire } from 'node:module';

/**
 * How like two pictures are: mean SSIM of their luma (Wang, Bovik, Sheikh, Simoncelli 2004) over windows of 8 × 8 pixels,
 * every second one in both directions. 1 is the same picture. Colour is not looked at.
 */
const require = createRequire(new URL('../../packages/service/package.json', import.meta.url));
const sharp = require('sharp') as typeof import('sharp').default;

export interface Luma {
  readonly data: Uint8Array;
  readonly width: number;
  readonly height: number;
}

const WINDOW = 8;
const STEP = 2;
/** The paper's constants for samples of 0 to 255. */
const C1 = (0.01 * 255) ** 2;
const C2 = (0.03 * 255) ** 2;

/** @throws when the sizes differ. */
export function ssim(a: Luma, b: Luma): number {
  if (a.width !== b.width || a.height !== b.height)
    throw new Error(`pictures of ${a.width}×${a.height} and ${b.width}×${b.height} pixels cannot be compared`);
  let [sum, windows] = [0, 0];
  for (let y = 0; y + WINDOW <= a.height; y += STEP) {
    for (let x = 0; x + WINDOW <= a.width; x += STEP) {
      sum += ssimOfWindow(a, b, x, y);
      windows += 1;
    }
  }
  return sum / windows;
}

function ssimOfWindow(a: Luma, b: Luma, left: number, top: number): number {
  let [sumA, sumB, sumAa, sumBb, sumAb] = [0, 0, 0, 0, 0];
  for (let y = top; y < top + WINDOW; y += 1) {
    for (let at = y * a.width + left; at < y * a.width + left + WINDOW; at += 1) {
      const [p, q] = [a.data[at] ?? 0, b.data[at] ?? 0];
      sumA += p;
      sumB += q;
      sumAa += p * p;
      sumBb += q * q;
      sumAb += p * q;
    }
  }
  const count = WINDOW ** 2;
  const [meanA, meanB] = [sumA / count, sumB / count];
  const [varA, varB] = [sumAa / count - meanA ** 2, sumBb / count - meanB ** 2];
  const covariance = sumAb / count - meanA * meanB;
  return ((2 * meanA * meanB + C1) * (2 * covariance + C2)) / ((meanA ** 2 + meanB ** 2 + C1) * (varA + varB + C2));
}

/** The luma (Rec. 601) of an encoded picture, upright. */
export async function lumaOf(encoded: Uint8Array): Promise<Luma> {
  const { data, info } = await sharp(encoded)
    .autoOrient()
    .toColourspace('srgb')
    .removeAlpha()
    .raw()
    .toBuffer({ resolveWithObject: true });
  return toLuma(data, info.width, info.height, info.channels);
}

/** The luma of an original that is decoded whole and brought to `width` by lanczos3: what a rendition should look like. */
export async function referenceLuma(original: Uint8Array, width: number): Promise<Luma> {
  const whole = await sharp(original)
    .autoOrient()
    .toColourspace('srgb')
    .removeAlpha()
    .raw()
    .toBuffer({ resolveWithObject: true });
  const raw = { width: whole.info.width, height: whole.info.height, channels: whole.info.channels };
  const { data, info } = await sharp(whole.data, { raw })
    .resize(width, undefined, { kernel: 'lanczos3', withoutEnlargement: true })
    .raw()
    .toBuffer({ resolveWithObject: true });
  return toLuma(data, info.width, info.height, info.channels);
}

function toLuma(pixels: Uint8Array, width: number, height: number, channels: number): Luma {
  const data = new Uint8Array(width * height);
  for (let at = 0; at < data.length; at += 1) {
    const [r, g, b] = [0, 1, 2].map((band) => pixels[at * channels + (channels < 3 ? 0 : band)] ?? 0);
    data[at] = Math.round(0.299 * (r ?? 0) + 0.587 * (g ?? 0) + 0.114 * (b ?? 0));
  }
  return { data, width, height };
}
