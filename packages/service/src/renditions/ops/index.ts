import type { Sharp } from 'sharp';
import { colour, narrow } from './colour.ts';
import { encode } from './encode.ts';
import { flatten } from './flatten.ts';
import type { Operation, Step } from './operation.ts';
import { orient } from './orient.ts';
import { resize } from './resize.ts';

export { decodeOptions, isHarmlessWarning } from './decode.ts';
export type { Animation } from './operation.ts';

/** The pipeline, in the order in which it runs. An operation is one file and one line here. */
const OPERATIONS: readonly Operation[] = [narrow, resize, orient, colour, flatten, encode];

/** From the source to the pixels that the outputs share. */
export function applyDecode(image: Sharp, step: Step): Sharp {
  return apply(image, step, (operation) => operation.stage !== 'output');
}

/** From the shared pixels to one output. */
export function applyOutput(image: Sharp, step: Step): Sharp {
  return apply(image, step, (operation) => operation.stage !== 'decode');
}

/** From the source to its only output, at once. */
export function applyAll(image: Sharp, step: Step): Sharp {
  return apply(image, step, () => true);
}

function apply(image: Sharp, step: Step, selects: (operation: Operation) => boolean): Sharp {
  return OPERATIONS.filter(selects).reduce((built, operation) => operation.apply(built, step), image);
}
