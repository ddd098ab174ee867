import type { Operation } from './operation.ts';

/**
 * The EXIF orientation, applied to the few pixels that are left after the resize (the library swaps the target's sides
 * accordingly), which spares holding the whole source for a quarter turn. Animations have none: libvips cannot turn
 * frames, and the probe reports orientation 1 for them.
 */
export const orient: Operation = {
  name: 'orient',
  stage: 'decode',
  apply: (image, { source }) => (source.orientation === 1 ? image : image.autoOrient()),
};
