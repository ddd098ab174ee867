import { canvasColour } from './backdrop.ts';
import { type PipelineOperation, PLACES, type Step } from './operation.ts';

/** Clockwise by a quarter, a half or three quarters: pixels change their places only. */
export const quarterTurn: PipelineOperation = {
  name: 'quarter turn',
  stage: 'picture',
  place: PLACES.quarterTurn,
  framewise: false,
  wanted: (step) => angle(step) !== 0 && angle(step) % 90 === 0,
  apply: (image, step) => image.rotate(angle(step)),
};

/** By any other angle: corners come free. */
export const turn: PipelineOperation = {
  name: 'turn',
  stage: 'picture',
  place: PLACES.turn,
  framewise: false,
  wanted: (step) => angle(step) % 90 !== 0,
  apply: (image, step) => image.rotate(angle(step), { background: canvasColour(step.picture?.transformation ?? {}) }),
};

function angle({ picture }: Step): number {
  return picture?.transformation.rot ?? 0;
}
