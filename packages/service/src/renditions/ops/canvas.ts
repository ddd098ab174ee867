import { canvasColour } from './backdrop.ts';
import { type PipelineOperation, PLACES } from './operation.ts';

/** Puts the picture on the larger canvas that `fit=fill` and `fit=fillmax` ask for. */
export const frame: PipelineOperation = {
  name: 'frame',
  stage: 'picture',
  place: PLACES.extend,
  framewise: true,
  wanted: ({ picture }) => picture?.layout.canvas !== undefined,
  apply: (image, { picture }) => {
    if (!picture?.layout.canvas) return image;
    const { canvas, framed } = picture.layout;
    return image.extend({
      left: canvas.left,
      top: canvas.top,
      right: framed.width - canvas.width - canvas.left,
      bottom: framed.height - canvas.height - canvas.top,
      background: canvasColour(picture.transformation),
    });
  },
};

/** Puts a margin around. */
export const pad: PipelineOperation = {
  name: 'pad',
  stage: 'picture',
  place: PLACES.extend,
  framewise: true,
  wanted: ({ picture }) => picture?.transformation.pad !== undefined,
  apply: (image, { picture }) => {
    const { pad = 0, ...rest } = picture?.transformation ?? {};
    return image.extend({ left: pad, right: pad, top: pad, bottom: pad, background: canvasColour(rest) });
  },
};
