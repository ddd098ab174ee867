import type { Cause } from './cause.ts';
import { type Area, insideOf, isTurned, pixelsOf, type Size, storedArea, swapped } from './geometry.ts';
import { levelOf } from './pyramid-levels.ts';
import type { SourceFacts } from './source.ts';

/**
 * What an output begins with: a page of the source, turned upright, and an area of it. Outputs that begin with the same
 * share one decode. Pure, and without imports at run time but geometry's.
 */
export interface BaseRequest {
  /** From 0; undefined for all frames, of which outputs that are still take the first. */
  readonly page: number | undefined;
  /** EXIF orientation to use instead of the source's. */
  readonly orient: number | undefined;
  /** Of the picture as it is shown. */
  readonly rect: Area | undefined;
  /** By how many levels of 255 a border may differ from its corner; undefined where nothing is trimmed. */
  readonly trimTolerance: number | undefined;
  /** Whether colours are kept in Display P3 rather than sRGB. */
  readonly isWide: boolean;
}

export interface Base extends BaseRequest {
  /** Of one frame, as stored. */
  readonly stored: Size;
  /** EXIF, 1 to 8. */
  readonly orientation: number;
  /** Of the picture as it is shown, without the part of `rect` that lies outside; before any trimming. */
  readonly size: Size;
  /** Whether it is read from the picture's pyramid. */
  readonly fromPyramid?: true;
}

/** The base of a picture that is stored with this size and orientation, or why there is none. */
export function baseOf(
  request: BaseRequest,
  { stored, orientation }: { stored: Size; orientation: number },
): { readonly base: Base } | { readonly cause: Cause } {
  const exif = request.orient ?? orientation;
  const shown = isTurned(exif) ? swapped(stored) : stored;
  const orient = exif === orientation ? undefined : exif;
  const upright = { ...request, orient, stored, orientation: exif };
  if (!request.rect) return { base: { ...upright, size: shown } };
  const rect = insideOf(shown, request.rect);
  if (!rect) {
    const { left, top } = request.rect;
    const message = `the rect begins at ${left},${top}, and the picture is ${shown.width} × ${shown.height} pixels`;
    return { cause: { code: 'rect_outside', message } };
  }
  const { width, height } = rect;
  const isAll = width === shown.width && height === shown.height;
  return { base: { ...upright, rect: isAll ? undefined : rect, size: { width, height } } };
}

/** Whether only the pixels, or another page's header, tell the size. */
export function isSizeUnknown({ page = 0, trimTolerance }: BaseRequest, source: SourceFacts): boolean {
  return trimTolerance !== undefined || (page > 0 && source.format === 'tiff');
}

/** How a base is decoded to `target` pixels: an area of the stored picture, a size, and an area of what is then shown. */
export interface Decoding {
  readonly cutStored: Area | undefined;
  /** As stored, before it is turned. */
  readonly scaled: Size;
  readonly cutShown: Area | undefined;
  /** Of the pyramid, where that is what is read; `cutStored` then counts its pixels. */
  readonly level?: number;
}

/**
 * A decoder's own reduction works on whole pictures alone. Where it can help, the picture is brought as a whole to the
 * scale of the area that is wanted, and the area is cut from that, at most half a pixel of the output off.
 */
export function decodingOf({ format }: Pick<SourceFacts, 'format'>, base: Base, target: Size): Decoding {
  const turn = (size: Size) => (isTurned(base.orientation) ? swapped(size) : size);
  const { rect } = base;
  if (base.fromPyramid) {
    const area = rect ? storedArea(rect, base.stored, base.orientation) : { left: 0, top: 0, ...base.stored };
    const found = levelOf(base.stored, area, turn(target));
    return { level: found.level, cutStored: found.area, scaled: turn(target), cutShown: undefined };
  }
  if (!rect) return { cutStored: undefined, scaled: turn(target), cutShown: undefined };
  const scale = { x: target.width / rect.width, y: target.height / rect.height };
  const reduces = (format === 'jpeg' || format === 'webp') && !base.isWide && Math.max(scale.x, scale.y) <= 0.5;
  const shown = turn(base.stored);
  const left = Math.round(rect.left * scale.x);
  const top = Math.round(rect.top * scale.y);
  const whole = {
    width: Math.max(left + target.width, Math.round(shown.width * scale.x)),
    height: Math.max(top + target.height, Math.round(shown.height * scale.y)),
  };
  const draws = format === 'svg' && pixelsOf(whole) <= DRAWN_PIXELS_MAX && Math.max(...sides(whole)) <= DRAWN_SIDE_MAX;
  if (reduces || draws) return { cutStored: undefined, scaled: turn(whole), cutShown: { left, top, ...target } };
  return { cutStored: storedArea(rect, base.stored, base.orientation), scaled: turn(target), cutShown: undefined };
}

/** Of a drawing that is drawn larger for the sake of a part of it. */
const DRAWN_PIXELS_MAX = 50_000_000;
const DRAWN_SIDE_MAX = 32_767;

function sides({ width, height }: Size): [number, number] {
  return [width, height];
}
