import { orientationOf } from '../geometry.ts';
import { type PipelineOperation, PLACES } from './operation.ts';

/**
 * The EXIF orientation, or the one asked for instead, applied to the few pixels that are left after the resize, which
 * spares holding the whole source for a quarter turn. The frames of animations have none of their own: the probe
 * reports orientation 1 for them.
 */
export const orient: PipelineOperation = {
  name: 'orient',
  stage: 'decode',
  place: PLACES.quarterTurn,
  framewise: false,
  wanted: ({ base }) => base.orientation !== 1,
  apply: (image, { base }) => {
    const { flip, flop, degrees } = orientationOf(base.orientation);
    const mirrored = image.flip(flip).flop(flop);
    return degrees === 0 ? mirrored : mirrored.rotate(degrees);
  },
};

/** Mirrors what is shown. */
export const flip: PipelineOperation = {
  name: 'flip',
  stage: 'picture',
  place: PLACES.mirror,
  framewise: false,
  wanted: ({ picture }) => picture?.transformation.flip !== undefined,
  apply: (image, { picture }) => {
    const way = picture?.transformation.flip ?? '';
    return image.flip(way.includes('v')).flop(way.includes('h'));
  },
};
