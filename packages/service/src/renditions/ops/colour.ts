import type { Operation, Step } from './operation.ts';

/**
 * To 8 bits a sample, before anything else: the library converts pictures of 16 bits with a profile to Display P3 and
 * leaves them there, so that they would be shown too pale as sRGB. Where there is no profile, nothing is to be mended,
 * and all bits take part in the resize.
 */
export const narrow: Operation = {
  name: 'narrow',
  stage: 'decode',
  apply: (image, { source }) =>
    source.space === 'rgb16' && source.hasProfile ? image.pipelineColourspace('srgb') : image,
};

/**
 * To sRGB, by the embedded profile where there is one (CMYK without one by a generic profile). Grey stays one channel
 * where the format has one, which is a third of the work.
 */
export const colour: Operation = {
  name: 'colour',
  stage: 'each',
  apply: (image, step) => image.toColourspace(staysGrey(step) ? 'b-w' : 'srgb'),
};

const GREY_SPACES: ReadonlySet<string> = new Set(['b-w', 'grey16']);
const GREY_FORMATS: ReadonlySet<string> = new Set(['jpeg', 'png']);

/** The library drops the alpha channel of grey pixels when it hands them out raw, hence never with alpha. */
function staysGrey({ source, output }: Step): boolean {
  return GREY_SPACES.has(source.space) && !source.hasAlpha && (!output || GREY_FORMATS.has(output.format));
}
