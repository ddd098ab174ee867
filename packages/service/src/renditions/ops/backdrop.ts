import type { Transformation } from '@safelight/contract';
import type { Picture } from '../arrange.ts';
import { type PipelineOperation, PLACES, type Step } from './operation.ts';
import { type Colour, parseColour } from './parse-colour.ts';
import { adjusts } from './tone.ts';

const CLEAR: Colour = { r: 0, g: 0, b: 0, alpha: 0 };
const WHITE: Colour = { r: 255, g: 255, b: 255, alpha: 1 };

/**
 * What new places of a canvas are filled with: the background at once where nothing shines through it; else nothing,
 * and the background is laid under all of the picture in the end.
 */
export function canvasColour({ bg }: Transformation): Colour {
  const colour = bg === undefined ? CLEAR : parseColour(bg);
  return colour.alpha === 1 ? colour : CLEAR;
}

/** Whether anything of the background may be seen, but for the transparency of the source. */
export function showsBackground({ transformation, layout }: Picture): boolean {
  const { pad, rot = 0, 'border-radius': radius } = transformation;
  return layout.canvas !== undefined || pad !== undefined || rot % 90 !== 0 || radius !== undefined;
}

/**
 * Transparent pixels become the background where one is asked for, and white where the format has no transparency:
 * what a page shows behind them, more often than black. At the end, after all that must not change the background.
 */
export const flatten: PipelineOperation = {
  name: 'flatten',
  stage: 'output',
  place: PLACES.flatten,
  framewise: true,
  wanted: (step) => isFlat(step) && !isFlattenedEarly(step),
  apply: (image, step) => image.flatten({ background: opaque(step) }),
};

/** The same before anything else, where nothing but sizes change after: pixels without alpha are cheaper. */
export const flattenEarly: PipelineOperation = {
  ...flatten,
  name: 'flatten early',
  stage: 'each',
  wanted: (step) => isFlat(step) && isFlattenedEarly(step),
};

/** A background that shines through itself is laid under the picture. */
export const underlay: PipelineOperation = {
  name: 'underlay',
  stage: 'output',
  place: PLACES.composite,
  framewise: false,
  wanted: (step) => step.output !== undefined && hasAlpha(step) && !isFlat(step) && alphaOf(step) > 0,
  apply: (image, { picture }) => {
    if (!picture) return image;
    const background = parseColour(picture.transformation.bg ?? '00000000');
    const create = { ...picture.layout.size, channels: 4, background } as const;
    return image.composite([{ input: { create }, blend: 'dest-over' }]);
  },
};

function hasAlpha({ source, picture }: Step): boolean {
  if (source.hasAlpha) return true;
  if (!picture) return false;
  const isRound = picture.transformation['border-radius'] !== undefined;
  return isRound || (showsBackground(picture) && canvasColour(picture.transformation).alpha === 0);
}

function isFlat(step: Step): boolean {
  if (!step.output || !hasAlpha(step)) return false;
  return step.output.format === 'jpeg' || alphaOf(step) === 1;
}

function isFlattenedEarly({ picture }: Step): boolean {
  return picture?.outputs.length === 1 && !showsBackground(picture) && !adjusts(picture.transformation);
}

function alphaOf({ picture }: Step): number {
  const bg = picture?.transformation.bg;
  return bg === undefined ? 0 : parseColour(bg).alpha;
}

/** The background on white. */
function opaque({ picture }: Step): { r: number; g: number; b: number } {
  const { r, g, b, alpha } = parseColour(picture?.transformation.bg ?? '00ffffff');
  const over = (level: number, white: number) => Math.round(level * alpha + white * (1 - alpha));
  return { r: over(r, WHITE.r), g: over(g, WHITE.g), b: over(b, WHITE.b) };
}
