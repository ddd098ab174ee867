import type { Transformation } from '@safelight/contract';
import { adjustmentOf, applyAdjustment } from './colour-matrix.ts';
import type { PixelOperation } from './operation.ts';

/** Adjustments that change each pixel by itself: brightness, contrast, gamma, saturation, hue, negative and tones. */
export const tone: PixelOperation = {
  name: 'tone',
  stage: 'picture',
  wanted: ({ picture }) =>
    picture !== undefined && POINTWISE.some((name) => picture.transformation[name] !== undefined),
  change: (pixels, { picture }) => {
    const adjustment = adjustmentOf(picture?.transformation ?? {});
    // In place: the shared pixels serve other pictures too.
    const data = Buffer.from(pixels.data);
    applyAdjustment(data, pixels.channels, adjustment);
    return { ...pixels, data };
  },
};

const COLOURING = ['sat', 'hue', 'sepia', 'monochrome'] as const;
const POINTWISE = ['bri', 'con', 'gam', 'invert', ...COLOURING] as const;
const NEIGHBOURLY = ['blur', 'sharp'] as const;

/** Whether a picture's colours are changed, and not its sizes alone. */
export function adjusts(transformation: Transformation): boolean {
  return [...POINTWISE, ...NEIGHBOURLY].some((name) => transformation[name] !== undefined);
}

/** Whether grey may get a colour by it. */
export function adjustsColour(transformation: Transformation): boolean {
  return COLOURING.some((name) => transformation[name] !== undefined);
}
