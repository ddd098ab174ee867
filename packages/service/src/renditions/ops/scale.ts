import { isOfSize } from '../geometry.ts';
import { type PipelineOperation, PLACES } from './operation.ts';

/**
 * To the shared size, exactly: width and height are both given, because a size derived from a derived size drifts by
 * a pixel when the library computes the second side itself. It comes first in the pipeline, since JPEG, WebP and SVG
 * are decoded at a smaller scale only when nothing stands before it.
 */
export const shrink: PipelineOperation = {
  name: 'shrink',
  stage: 'decode',
  place: PLACES.resize,
  framewise: true,
  wanted: () => true,
  apply: (image, { decoding: { scaled } }) => image.resize(scaled.width, scaled.height, { fit: 'fill' }),
};

/** From the shared size to that of one picture. */
export const scale: PipelineOperation = {
  name: 'scale',
  stage: 'picture',
  place: PLACES.resize,
  framewise: true,
  wanted: ({ picture, decoded }) =>
    picture !== undefined && (picture.layout.cutFirst !== undefined || !isOfSize(picture.layout.scaled, decoded)),
  apply: (image, { picture, decoded }) => {
    const { width, height } = picture?.layout.scaled ?? decoded;
    return image.resize(width, height, { fit: 'fill' });
  },
};
