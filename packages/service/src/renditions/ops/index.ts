import { flatten, flattenEarly, underlay } from './backdrop.ts';
import { blur, sharpen } from './blur.ts';
import { frame, pad } from './canvas.ts';
import { narrow, spread } from './colour.ts';
import { cut, cutFirst, cutShown, cutStored, seekCut, seekFirst } from './cut.ts';
import { encode } from './encode.ts';
import { mark } from './mark.ts';
import type { Operation } from './operation.ts';
import { flip, orient } from './orient.ts';
import { round } from './round.ts';
import { scale, shrink } from './scale.ts';
import { text } from './text.ts';
import { tone } from './tone.ts';
import { quarterTurn, turn } from './turn.ts';

export { inColours } from './colour.ts';
export { decodeOptions, isHarmlessWarning } from './decode.ts';
export { encode } from './encode.ts';
export { eachFrame, firstFrame } from './frames.ts';
export type {
  Animation,
  Credits,
  Operation,
  OverlayTools,
  PipelineOperation,
  Pixels,
  PixelTools,
  Step,
  TextLine,
} from './operation.ts';
export { trimBox } from './trim.ts';

/**
 * The pipeline, in the order in which it runs. Colours are adjusted before anything of the background shows, so that
 * the background is the colour that was asked for.
 */
const OPERATIONS: readonly Operation[] = [
  ...[narrow, cutStored, flattenEarly, shrink, orient, cutShown],
  ...[seekFirst, cutFirst, scale, seekCut, cut],
  ...[spread, tone, blur, sharpen],
  ...[frame, flip, quarterTurn, turn, pad, round],
  ...[mark, text],
  ...[flatten, underlay, encode],
];

const WAYS = {
  /** From the source to the pixels that its pictures share. */
  decode: ['decode', 'each'],
  /** From shared pixels to those of a picture. */
  develop: ['picture', 'each'],
  /** From the pixels of a picture to a file. */
  write: ['output'],
  /** From shared pixels to the only file of a picture. */
  developAndWrite: ['picture', 'each', 'output'],
  /** From the source to its only file, at once. */
  all: ['decode', 'picture', 'each', 'output'],
} as const satisfies Record<string, readonly Operation['stage'][]>;

export function operationsOf(way: keyof typeof WAYS): readonly Operation[] {
  const stages: readonly Operation['stage'][] = WAYS[way];
  return OPERATIONS.filter(({ stage }) => stages.includes(stage));
}
