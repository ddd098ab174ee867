import type { Sharp } from 'sharp';
import { encode, inColours, type Pixels, type Step } from '../ops/index.ts';
import type { Decoder } from './decoder.ts';
import { findQuality, isLossy } from './quality.ts';
import type { Samples } from './similarity.ts';

/**
 * The quality for an output that is searched, by encoding `pixels` (what its encoder will be given) or a sample of them
 * a few times and looking at what becomes of them.
 */
export async function chooseQuality(
  decoder: Decoder,
  open: (pixels: Pixels) => Sharp,
  pixels: Pixels,
  step: Step,
): Promise<number | undefined> {
  const { output, base } = step;
  if (!output || !isLossy(output.format)) return output?.quality;
  const { format } = output;
  // The decoder must hand out what it was given: a profile would make it convert.
  const plain = { ...step, base: { ...base, isWide: false } };
  const { quality } = await findQuality(pixels, format, async (sample, quality) => {
    // What the better settings of JPEG and AVIF change in the picture, they change for the better: tried without.
    const trial = { ...plain, output: { ...output, quality, searched: format === 'webp', effort: undefined } };
    const image = open({ ...pixels, data: asBuffer(sample.data), width: sample.width, height: sample.height });
    return decoded(decoder, await inColours(encode.apply(image, trial), trial).toBuffer());
  });
  return quality;
}

function asBuffer({ buffer, byteOffset, length }: Uint8Array): Buffer {
  return Buffer.from(buffer, byteOffset, length);
}

async function decoded(decoder: Decoder, encoded: Buffer): Promise<Samples> {
  const image = decoder.open(encoded, { limitInputPixels: false });
  const { data, info } = await image.raw({ depth: 'uchar' }).toBuffer({ resolveWithObject: true });
  return { data, width: info.width, height: info.height, channels: info.channels };
}
