import type { Operation, Step } from './operation.ts';

/**
 * To sRGB of 8 bits, by the embedded profile where there is one (CMYK without one by a generic profile). Grey stays
 * one channel where the format has one, which is a third of the work.
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
