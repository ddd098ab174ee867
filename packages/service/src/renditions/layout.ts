import type { Transformation } from '@safelight/contract';
import { type Area, isOfSize, pixelsOf, rounded, type Size, scaledBy, turnedSize } from './geometry.ts';

/**
 * How a picture of one size becomes an output: first cut, scaled, cut, put on a canvas, turned, padded. Pure; whatever
 * enlarges is cut before, so that no step has more pixels than the source or the output.
 */
export interface Layout {
  /** Of the picture as it is, in its pixels, before it is enlarged. */
  readonly cutFirst: Cut | undefined;
  readonly scaled: Size;
  /** Of the scaled picture. */
  readonly cut: Cut | undefined;
  /** The picture's place on a larger canvas of background. */
  readonly canvas: Area | undefined;
  /** The size of the canvas, or of the picture where there is none. */
  readonly framed: Size;
  /** Of the output. */
  readonly size: Size;
}

/** What is kept: an area, or one of that size that is to be found in the pixels. */
export type Cut = Area | (Size & { readonly sought: 'entropy' | 'attention' });

export interface LayoutOptions {
  /** A drawing, which is drawn at any size at once: cuts come after. */
  readonly isVector: boolean;
}

/** @param transformation resolved: with defaults, and in pixels */
export function layOut(picture: Size, transformation: Transformation, options: LayoutOptions): Layout {
  const fitted = fit(picture, transformation, options);
  const turned = turnedSize(fitted.framed, transformation.rot ?? 0);
  const pad = 2 * (transformation.pad ?? 0);
  return { ...fitted, size: { width: turned.width + pad, height: turned.height + pad } };
}

type Fitted = Omit<Layout, 'size'>;

function fit(picture: Size, transformation: Transformation, options: LayoutOptions): Fitted {
  const { w, h, fit } = transformation;
  switch (fit) {
    case 'crop':
    case 'min':
      return cover(picture, cutSize(picture, transformation), transformation, options);
    case 'fill':
    case 'fillmax':
      return fill(picture, completed(picture, w, h), fit === 'fill');
    case 'scale':
      return whole(completed(picture, w, h));
    default:
      return whole(scaledBy(picture, Math.min(1, ratios(picture, w, h))));
  }
}

function whole(scaled: Size): Fitted {
  return { cutFirst: undefined, scaled, cut: undefined, canvas: undefined, framed: scaled };
}

/** The largest factor with which the picture stays inside the sides that are given. */
function ratios(picture: Size, w = Number.POSITIVE_INFINITY, h = Number.POSITIVE_INFINITY): number {
  return Math.min(w / picture.width, h / picture.height);
}

/** A box of which one side may be missing, which then follows from the picture's proportions. */
function completed(picture: Size, w: number | undefined, h: number | undefined): Size {
  return rounded({
    width: w ?? ((h ?? picture.height) * picture.width) / picture.height,
    height: h ?? ((w ?? picture.width) * picture.height) / picture.width,
  });
}

/** What is left after a cut: the box, or the largest of its proportions that needs no enlarging. */
function cutSize(picture: Size, { w, h, ar, fit }: Transformation): Size {
  if (ar && w === undefined && h === undefined) {
    return scaledBy(ar, Math.min(picture.width / ar.width, picture.height / ar.height));
  }
  const box = completed(picture, w, h);
  return fit === 'min' ? box : scaledBy(box, Math.min(1, picture.width / box.width, picture.height / box.height));
}

/** A drawing is drawn in one piece, of at most this many pixels a side (librsvg's own bound). */
const VECTOR_SIDE_MAX = 32_767;
const VECTOR_PIXELS_MAX = 50_000_000;

function cover(picture: Size, kept: Size, transformation: Transformation, { isVector }: LayoutOptions): Fitted {
  const scale = Math.max(kept.width / picture.width, kept.height / picture.height);
  const all = scaledBy(picture, scale);
  const scaled = { width: Math.max(kept.width, all.width), height: Math.max(kept.height, all.height) };
  const drawable =
    isVector && Math.max(scaled.width, scaled.height) <= VECTOR_SIDE_MAX && pixelsOf(scaled) <= VECTOR_PIXELS_MAX;
  if (scale <= 1 || drawable) {
    const cut = isOfSize(scaled, kept) ? undefined : cutOf(scaled, kept, transformation);
    return { ...whole(kept), scaled, cut };
  }
  const part = scaledBy(kept, 1 / scale);
  const size = { width: Math.min(part.width, picture.width), height: Math.min(part.height, picture.height) };
  return { ...whole(kept), cutFirst: isOfSize(size, picture) ? undefined : cutOf(picture, size, transformation) };
}

function cutOf(picture: Size, kept: Size, transformation: Transformation): Cut {
  const { crop } = transformation;
  if (crop === 'entropy') return { ...kept, sought: 'entropy' };
  if (crop === 'edges') return { ...kept, sought: 'attention' };
  const free = { width: picture.width - kept.width, height: picture.height - kept.height };
  if (crop === 'focalpoint') {
    const { 'fp-x': x = 0.5, 'fp-y': y = 0.5 } = transformation;
    return {
      ...kept,
      left: within(free.width, x * picture.width - kept.width / 2),
      top: within(free.height, y * picture.height - kept.height / 2),
    };
  }
  const sides = crop?.split(',') ?? [];
  const share = (first: string, last: string) => (sides.includes(first) ? 0 : sides.includes(last) ? 1 : 0.5);
  return {
    ...kept,
    left: within(free.width, free.width * share('left', 'right')),
    top: within(free.height, free.height * share('top', 'bottom')),
  };
}

function within(most: number, value: number): number {
  return Math.min(most, Math.max(0, Math.round(value)));
}

function fill(picture: Size, box: Size, enlarges: boolean): Fitted {
  const factor = ratios(picture, box.width, box.height);
  const free = scaledBy(picture, enlarges ? factor : Math.min(1, factor));
  const scaled = { width: Math.min(free.width, box.width), height: Math.min(free.height, box.height) };
  if (isOfSize(scaled, box)) return whole(scaled);
  const canvas = {
    ...scaled,
    left: Math.floor((box.width - scaled.width) / 2),
    top: Math.floor((box.height - scaled.height) / 2),
  };
  return { ...whole(scaled), canvas, framed: box };
}
