import { type IiifLimits, isOfSize, largestSize, type PixelSize, readRegion, readSize } from './iiif-size.ts';
import { BOX_PIXELS_MAX, type OutputFormat, type Transformation } from './transformation/parameters.ts';
import type { TransformationProblem } from './transformation/parse.ts';
import type { Rect } from './transformation/values.ts';

export type { IiifLimits } from './iiif-size.ts';

/** The picture as it is shown, upright by its EXIF orientation. */
export interface IiifSource extends PixelSize {
  /** Of an animation the first frame is meant. One if left out. */
  readonly frames?: number;
}

/** What follows the identifier, decoded: `125,15,120,140`, `90,`, `!0`, `default.jpg`. */
export type IiifPath = readonly [region: string, size: string, rotation: string, qualityAndFormat: string];

export interface IiifImage {
  readonly transformation: Transformation;
  /** The canonical form of the path (section 4.8), encoded, without a slash at its ends. */
  readonly canonical: string;
  /** The area of the source, cut to its edges. */
  readonly region: Rect;
  /** To which it is scaled, before it is turned. */
  readonly size: PixelSize;
}

/** A problem is answered with 400: every case that the specification names besides unknown images is one (section 4). */
export type IiifResult =
  | { readonly ok: true; readonly image: IiifImage }
  | { readonly ok: false; readonly problem: TransformationProblem };

/** What every output format can hold (WebP stops at 16383 pixels a side), and as many pixels as an original may have. */
export const IIIF_LIMITS: IiifLimits = { maxWidth: 16_383, maxHeight: 16_383, maxArea: BOX_PIXELS_MAX };

/** Formats by the extensions of section 4.5, and one of ours. */
export const IIIF_FORMATS = {
  jpg: 'jpg',
  png: 'png',
  webp: 'webp',
  gif: 'gif',
  tif: 'tiff',
  avif: 'avif',
} as const satisfies Record<string, OutputFormat>;

/** `color` is what `default` is: nothing is taken away. */
export const IIIF_QUALITIES = ['default', 'color', 'gray'] as const;

const ROTATION = /^(!?)(0|90|180|270|360)(?:\.0+)?$/;
const LAST = /^(default|color|gray)\.(jpg|png|webp|gif|tif|avif)$/;

/** Reads the path of an image request for a source of this size. */
export function parseIiif(path: IiifPath, source: IiifSource, limits: IiifLimits = IIIF_LIMITS): IiifResult {
  const region = readRegion(path[0], source);
  if (!region) {
    return refused(
      'region',
      `full, square, x,y,w,h in pixels or pct:x,y,w,h, of which some lies within ${source.width} × ${source.height} pixels`,
    );
  }
  const size = readSize(path[1], region, limits);
  if (!size) return refused('size', allowedSizes(region, limits));
  const [, mirrored, degrees] = ROTATION.exec(path[2]) ?? [];
  if (degrees === undefined) return refused('rotation', '0, 90, 180, 270 or 360, with ! before it to mirror first');
  const [, quality, extension] = LAST.exec(path[3]) ?? [];
  if (extension === undefined) {
    return refused(
      'quality.format',
      `one of ${IIIF_QUALITIES.join(', ')}; a point; one of ${Object.keys(IIIF_FORMATS).join(', ')}`,
    );
  }
  const turned = { mirrored: mirrored === '!', degrees: Number(degrees) % 360 };
  const isGray = quality === 'gray';
  const tail = `${turned.mirrored ? '!' : ''}${turned.degrees}/${isGray ? 'gray' : 'default'}.${extension}`;
  const canonical = `${canonicalRegion(region, source)}/${canonicalSize(region, size, limits)}/${tail}`;
  const transformation = {
    ...(!isOfSize(region, source) && { rect: region }),
    ...(!isOfSize(size, region) && { w: size.width, h: size.height, fit: 'scale' as const }),
    ...(turned.mirrored && { flip: 'h' as const }),
    ...(turned.degrees !== 0 && { rot: turned.degrees }),
    ...(isGray && { sat: -100 }),
    ...((source.frames ?? 1) > 1 && { page: 1 }),
    fm: IIIF_FORMATS[extension as keyof typeof IIIF_FORMATS],
  };
  return { ok: true, image: { transformation, canonical, region, size } };
}

function refused(parameter: string, allowed: string): IiifResult {
  return { ok: false, problem: { parameter, allowed } };
}

function allowedSizes(region: Rect, { maxWidth, maxHeight, maxArea }: IiifLimits): string {
  return `max, w, or ,h or w,h or !w,h or pct:n, from 1 pixel a side to the region's ${region.width} × ${region.height}; with ^ before it up to ${maxWidth} × ${maxHeight} and ${maxArea} pixels in all`;
}

function canonicalRegion(region: Rect, source: PixelSize): string {
  return isOfSize(region, source) ? 'full' : `${region.x},${region.y},${region.width},${region.height}`;
}

function canonicalSize(region: Rect, size: PixelSize, limits: IiifLimits): string {
  if (isOfSize(size, largestSize(region, limits, false))) return 'max';
  // A caret does not stand for itself in a path (RFC 3986).
  if (size.width <= region.width && size.height <= region.height) return `${size.width},${size.height}`;
  return isOfSize(size, largestSize(region, limits, true)) ? '%5Emax' : `%5E${size.width},${size.height}`;
}
