import type { Sharp } from 'sharp';
import { effortOf } from '../effort.ts';
import { pixelsOf } from '../geometry.ts';
import type { RenderedFormat } from '../source.ts';
import { credit } from './meta.ts';
import { type PipelineOperation, PLACES, type Step } from './operation.ts';

/**
 * To the output's format. No metadata and no profile are written but what is asked for: the library copies none by
 * itself, and pixels that came through memory carry none.
 *
 * The settings are for answers that somebody waits for; `effortOf` tells what AVIF gets beyond that. At equal SSIM,
 * bytes × JPEG and CPU × JPEG (measured): AVIF 4:2:0 effort 0 is 0.74 and 3.2, effort 3 0.63 and 24; WebP effort 2 0.98
 * and 2.5, effort 6 0.85 and 10.3; mozjpeg 0.99 and 4.7.
 */
export const encode: PipelineOperation = {
  name: 'encode',
  stage: 'output',
  place: PLACES.encode,
  framewise: true,
  wanted: ({ output }) => output !== undefined,
  apply: (image, step) =>
    step.output ? ENCODERS[step.output.format](credit(inGamut(image, step), step), step) : image,
};

const ENCODERS: Readonly<Record<RenderedFormat, (image: Sharp, step: Step) => Sharp>> = {
  jpeg: (image, step) =>
    image.jpeg({
      ...quality(step),
      ...chroma(step),
      optimiseCoding: ownTablesPay(step),
      progressive: isSearched(step),
    }),
  png: (image, { source }) => image.png({ compressionLevel: 6, ...(source.palette && { palette: true, effort: 1 }) }),
  webp: (image, step) => image.webp({ ...quality(step), ...timing(step), effort: isSearched(step) ? 4 : 2 }),
  avif: (image, step) => image.avif({ ...quality(step), ...chroma(step), effort: effort(step), bitdepth: 8 }),
  gif: (image, step) => image.gif({ ...timing(step), effort: 1 }),
  tiff: (image) => image.tiff({ compression: 'lzw', predictor: 'horizontal' }),
};

/** Pixels of a wide gamut get their profile. The library takes pixels of 16 bits for Display P3, and changes nothing. */
function inGamut(image: Sharp, { base }: Step): Sharp {
  return base.isWide ? image.pipelineColourspace('rgb16').withIccProfile('p3') : image;
}

/**
 * Huffman tables of its own make a JPEG of 100 pixels 12 % shorter, of 300 pixels 3.5 %, of 600 pixels 2 %, and take
 * two thirds of the encode's time on top (measured over 14 photographs).
 */
function ownTablesPay({ picture }: Step): boolean {
  const { width, height } = picture?.layout.size ?? { width: 0, height: 0 };
  return width * height <= 100_000;
}

/**
 * Who asks for the shortest file waits for it: at one quality a progressive JPEG is the same picture in 3 to 6 % fewer
 * bytes, WebP of effort 4 has 10 % fewer than of effort 2, and AVIF of effort 1 has 5 % fewer than of effort 0.
 */
function isSearched({ output }: Step): boolean {
  return output?.searched === true;
}

function effort({ output, picture }: Step): number {
  return output && picture ? effortOf(output, pixelsOf(picture.layout.size)) : 0;
}

function quality({ output }: Step): { quality?: number; lossless?: true } {
  return {
    ...(output?.quality !== undefined && { quality: output.quality }),
    ...(output?.lossless && { lossless: true }),
  };
}

function chroma({ output }: Step): { chromaSubsampling: string } {
  return { chromaSubsampling: output?.fullChroma || output?.lossless ? '4:4:4' : '4:2:0' };
}

function timing({ animation, output }: Step): { delay?: number[]; loop?: number } {
  return animation && output?.animated ? { delay: [...animation.delaysMs], loop: animation.loop } : {};
}
