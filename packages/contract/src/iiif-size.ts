import type { Rect } from './transformation/values.ts';

/** In pixels. */
export interface PixelSize {
  readonly width: number;
  readonly height: number;
}

/** The largest images that are made, as `info.json` tells them. */
export interface IiifLimits {
  readonly maxWidth: number;
  readonly maxHeight: number;
  readonly maxArea: number;
}

/** Digits as the specification has them (section 4.7): no sign and no exponent, and forgiving about a leading zero. */
const NUMBER = String.raw`(?:\d{1,9}(?:\.\d{1,12})?|\.\d{1,12})`;

const PIXELS = /^(\d{1,9}),(\d{1,9}),(\d{1,9}),(\d{1,9})$/;
const PERCENT = new RegExp(`^pct:(${NUMBER}),(${NUMBER}),(${NUMBER}),(${NUMBER})$`);

/** Section 4.1: the area, cut to what lies inside of the picture, or undefined when the text is wrong or nothing does. */
export function readRegion(text: string, source: PixelSize): Rect | undefined {
  if (text === 'full') return { x: 0, y: 0, width: source.width, height: source.height };
  if (text === 'square') return square(source);
  const pixels = PIXELS.exec(text)?.slice(1).map(Number) ?? pixelsOfPercent(text, source);
  if (!pixels) return undefined;
  const [x = 0, y = 0, w = 0, h = 0] = pixels;
  const width = Math.min(w, source.width - x);
  const height = Math.min(h, source.height - y);
  return width >= 1 && height >= 1 ? { x, y, width, height } : undefined;
}

/** From the middle. */
function square({ width, height }: PixelSize): Rect {
  const side = Math.min(width, height);
  return { x: Math.floor((width - side) / 2), y: Math.floor((height - side) / 2), width: side, height: side };
}

function pixelsOfPercent(text: string, { width, height }: PixelSize): number[] | undefined {
  const shares = PERCENT.exec(text)?.slice(1).map(Number);
  return shares?.map((share, index) => Math.round((share * (index % 2 === 0 ? width : height)) / 100));
}

const SHARE = new RegExp(`^pct:(${NUMBER})$`);

/** What a size says before it is held against anything. */
interface Wanted extends PixelSize {
  /** The largest that the limits allow, whatever the numbers. */
  readonly confined: boolean;
}

/**
 * Section 4.2: the pixels that `region` is scaled to, or undefined when the text is wrong, or asks for less than a
 * pixel, for more than the limits, or for an enlargement without saying so by `^`.
 */
export function readSize(text: string, region: PixelSize, limits: IiifLimits): PixelSize | undefined {
  const enlarges = text.startsWith('^');
  const wanted = wantedSize(enlarges ? text.slice(1) : text, region);
  if (!wanted) return undefined;
  if (wanted.confined) return atLeastOne(largestSize(region, limits, enlarges, wanted));
  const { width, height } = wanted;
  if (width > limits.maxWidth || height > limits.maxHeight || width * height > limits.maxArea) return undefined;
  if (!enlarges && (width > region.width || height > region.height)) return undefined;
  return atLeastOne({ width, height });
}

function wantedSize(text: string, region: PixelSize): Wanted | undefined {
  if (text === 'max') return { width: Number.POSITIVE_INFINITY, height: Number.POSITIVE_INFINITY, confined: true };
  const percent = SHARE.exec(text)?.[1];
  if (percent !== undefined) return byFactor(region, Number(percent) / 100);
  const [, bang, w = '', h = ''] = /^(!?)(\d{0,9}),(\d{0,9})$/.exec(text) ?? [];
  if (w !== '' && h !== '') return { width: Number(w), height: Number(h), confined: bang === '!' };
  if (bang === '!') return undefined;
  if (w !== '') return { ...byFactor(region, Number(w) / region.width), width: Number(w) };
  if (h !== '') return { ...byFactor(region, Number(h) / region.height), height: Number(h) };
  return undefined;
}

function byFactor({ width, height }: PixelSize, factor: number): Wanted {
  return { width: Math.round(width * factor), height: Math.round(height * factor), confined: false };
}

/** The largest picture of the region's proportions within the limits and `box`; above the region's own if it `enlarges`. */
export function largestSize(
  region: PixelSize,
  limits: IiifLimits,
  enlarges: boolean,
  box: PixelSize = { width: Number.POSITIVE_INFINITY, height: Number.POSITIVE_INFINITY },
): PixelSize {
  const most = { width: Math.min(box.width, limits.maxWidth), height: Math.min(box.height, limits.maxHeight) };
  const factor = Math.min(
    enlarges ? Number.POSITIVE_INFINITY : 1,
    most.width / region.width,
    most.height / region.height,
  );
  const { width, height } = byFactor(region, factor);
  if (width * height <= limits.maxArea) return { width, height };
  const shrunk = Math.sqrt(limits.maxArea / (region.width * region.height));
  return { width: Math.floor(region.width * shrunk), height: Math.floor(region.height * shrunk) };
}

function atLeastOne(size: PixelSize): PixelSize | undefined {
  return size.width >= 1 && size.height >= 1 ? size : undefined;
}

export function isOfSize(one: PixelSize, other: PixelSize): boolean {
  return one.width === other.width && one.height === other.height;
}
