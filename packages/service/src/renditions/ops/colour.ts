import type { Sharp } from 'sharp';
import { showsBackground } from './backdrop.ts';
import { type PipelineOperation, type PixelOperation, type Pixels, PLACES, type Step } from './operation.ts';
import { isOverlaid } from './overlay.ts';
import { adjustsColour } from './tone.ts';

/**
 * To 8 bits a sample, before anything else: the library converts pictures of 16 bits with a profile to Display P3 and
 * leaves them there, so that they would be shown too pale as sRGB. Where there is no profile, nothing is to be mended,
 * and all bits take part in the resize. The same way round is how a wide gamut is kept: pictures that are worked on
 * with 16 bits become Display P3 from any profile. The decoder then cannot reduce while it decodes.
 */
export const narrow: PipelineOperation = {
  name: 'narrow',
  stage: 'decode',
  place: PLACES.open,
  framewise: true,
  wanted: ({ source, base }) => base.isWide || (source.space === 'rgb16' && source.hasProfile),
  apply: (image, { base }) => image.pipelineColourspace(base.isWide ? 'rgb16' : 'srgb'),
};

/**
 * How every pipeline ends: in sRGB, by the embedded profile where there is one (CMYK without one by a generic profile).
 * Grey stays one channel where the format has one, which is a third of the work.
 */
export function inColours(image: Sharp, step: Step): Sharp {
  return image.toColourspace(staysGrey(step) ? 'b-w' : 'srgb');
}

const GREY_SPACES: ReadonlySet<string> = new Set(['b-w', 'grey16']);
const GREY_FORMATS: ReadonlySet<string> = new Set(['jpeg', 'png']);

/** The library drops the alpha channel of grey pixels when it hands them out raw, hence never with alpha. */
function staysGrey(step: Step): boolean {
  return isGrey(step) && !spread.wanted(step) && (!step.output || GREY_FORMATS.has(step.output.format));
}

function isGrey({ source }: Step): boolean {
  return GREY_SPACES.has(source.space) && !source.hasAlpha;
}

/** From grey to three channels, where colours or transparency come in: the library would turn them grey. */
export const spread: PixelOperation = {
  name: 'spread',
  stage: 'picture',
  wanted: (step) =>
    isGrey(step) &&
    step.picture !== undefined &&
    (showsBackground(step.picture) ||
      adjustsColour(step.picture.transformation) ||
      isOverlaid(step.picture.transformation)),
  change: inThreeChannels,
};

function inThreeChannels(pixels: Pixels): Pixels {
  if (pixels.channels !== 1) return pixels;
  const data = Buffer.allocUnsafe(pixels.data.length * 3);
  let at = 0;
  for (const level of pixels.data) {
    data[at] = level;
    data[at + 1] = level;
    data[at + 2] = level;
    at += 3;
  }
  return { ...pixels, data, channels: 3 };
}
