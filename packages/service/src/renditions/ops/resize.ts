import type { Operation } from './operation.ts';

/**
 * To the planned size, exactly: width and height are both given, because a size derived from a derived size drifts by
 * a pixel when the library computes the second side itself. It comes first in the pipeline, since JPEG, WebP and SVG
 * are decoded at a smaller scale only when nothing stands before it.
 */
export const resize: Operation = {
  name: 'resize',
  stage: 'each',
  apply: (image, { size }) => image.resize(size.width, size.height, { fit: 'fill' }),
};
