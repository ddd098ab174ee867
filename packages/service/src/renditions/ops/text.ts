import type { Place, Transformation } from '@safelight/contract';
import type { Size } from '../geometry.ts';
import { eachFrame } from './frames.ts';
import type { PixelOperation, TextLine } from './operation.ts';
import { cornerOf, inside, layOver } from './overlay.ts';
import { parseColour } from './parse-colour.ts';

/** Lays a line of text over the picture, wrapped where it is wider than what lies inside of the margins. */
export const text: PixelOperation = {
  name: 'text',
  stage: 'picture',
  wanted: ({ picture }) => picture?.transformation.txt !== undefined,
  change: async (pixels, { picture, base }, { overlays }) => {
    const transformation = picture?.transformation ?? {};
    const pad = transformation['txt-pad'] ?? 0;
    const line = lineOf(transformation, inside(pixels, pad));
    const laid = line && (await overlays.drawText(line, base.isWide));
    if (!laid) return pixels;
    const place: Place = transformation['txt-align'] ?? 'bottom,right';
    const corner = cornerOf(pixels, laid, place, pad);
    return eachFrame(pixels, (frame) => layOver(frame, laid, corner, 1));
  },
};

/** From the top of the highest letter to the bottom of the deepest, by height of the font. */
const LINE_HEIGHT = 1.2;
/** Narrower than any letter but `i` and `l`, by height of the font. */
const LETTER_WIDTH = 0.3;
const LETTER_PIXELS_MIN = 4;

/** What of the text fits, so that little is drawn in vain; undefined where not even one letter does. */
function lineOf(transformation: Transformation, room: Size): TextLine | undefined {
  const { txt = '', 'txt-align': place, 'txt-size': asked = 24, 'txt-color': colour = 'ff000000' } = transformation;
  const letterPixels = Math.min(asked, Math.floor(Math.min(room.height / LINE_HEIGHT, room.width)));
  if (letterPixels < LETTER_PIXELS_MIN) return undefined;
  const lines = Math.ceil(room.height / letterPixels);
  const letters = Math.ceil(room.width / (letterPixels * LETTER_WIDTH));
  return {
    text: [...txt].slice(0, lines * letters).join(''),
    letterPixels,
    colour: parseColour(colour),
    align: place?.endsWith('left') ? 'left' : place?.endsWith('center') ? 'centre' : 'right',
    room,
  };
}
