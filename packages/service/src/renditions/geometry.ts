/** Sizes and areas, in whole pixels. Pure, and without imports at run time: supervisor and worker process both plan by it. */
export interface Size {
  readonly width: number;
  readonly height: number;
}

export interface Area extends Size {
  readonly left: number;
  readonly top: number;
}

/** How a stored picture becomes the one that is shown: mirrored first, then turned clockwise. */
export interface Orientation {
  /** Upside down. */
  readonly flip: boolean;
  /** Left and right. */
  readonly flop: boolean;
  readonly degrees: 0 | 90 | 180 | 270;
}

/** EXIF 2.3, table "Orientation", 1 to 8. */
const ORIENTATIONS: readonly Orientation[] = [
  { flip: false, flop: false, degrees: 0 },
  { flip: false, flop: true, degrees: 0 },
  { flip: false, flop: false, degrees: 180 },
  { flip: true, flop: false, degrees: 0 },
  { flip: true, flop: false, degrees: 90 },
  { flip: false, flop: false, degrees: 90 },
  { flip: false, flop: true, degrees: 90 },
  { flip: false, flop: false, degrees: 270 },
];

const UPRIGHT: Orientation = { flip: false, flop: false, degrees: 0 };

/** @param exif 1 to 8 */
export function orientationOf(exif: number): Orientation {
  return ORIENTATIONS[exif - 1] ?? UPRIGHT;
}

/** Whether an EXIF orientation swaps width and height. */
export function isTurned(exif: number): boolean {
  return exif > 4;
}

export function swapped({ width, height }: Size): Size {
  return { width: height, height: width };
}

/** Where an area of the shown picture lies in the stored one, whose size is `stored`. */
export function storedArea(area: Area, stored: Size, exif: number): Area {
  const { flip, flop, degrees } = orientationOf(exif);
  const unturned = unturn(area, stored, degrees);
  return {
    ...unturned,
    left: flop ? stored.width - unturned.left - unturned.width : unturned.left,
    top: flip ? stored.height - unturned.top - unturned.height : unturned.top,
  };
}

function unturn(area: Area, stored: Size, degrees: Orientation['degrees']): Area {
  const { left, top, width, height } = area;
  if (degrees === 0) return area;
  if (degrees === 180) {
    return { left: stored.width - left - width, top: stored.height - top - height, width, height };
  }
  return degrees === 90
    ? { left: top, top: stored.height - left - width, width: height, height: width }
    : { left: stored.width - top - height, top: left, width: height, height: width };
}

/** What of `area` lies inside of a picture of this size, or undefined when nothing does. */
export function insideOf(size: Size, area: Area): Area | undefined {
  const width = Math.min(area.width, size.width - area.left);
  const height = Math.min(area.height, size.height - area.top);
  return width < 1 || height < 1 ? undefined : { ...area, width, height };
}

/** The size of a picture that was turned: the smallest box around it, as libvips rounds it. */
export function turnedSize({ width, height }: Size, degrees: number): Size {
  if (degrees % 180 === 0) return { width, height };
  if (degrees % 90 === 0) return { width: height, height: width };
  const radians = (degrees * Math.PI) / 180;
  const [cosine, sine] = [Math.abs(Math.cos(radians)), Math.abs(Math.sin(radians))];
  return rounded({ width: width * cosine + height * sine, height: width * sine + height * cosine });
}

/** To whole pixels, of which each side keeps one at least. */
export function rounded({ width, height }: Size): Size {
  return { width: Math.max(1, Math.round(width)), height: Math.max(1, Math.round(height)) };
}

export function scaledBy({ width, height }: Size, factor: number): Size {
  return rounded({ width: width * factor, height: height * factor });
}

export function isOfSize(a: Size, b: Size): boolean {
  return a.width === b.width && a.height === b.height;
}

export function pixelsOf({ width, height }: Size): number {
  return width * height;
}

export function longerSide({ width, height }: Size): number {
  return Math.max(width, height);
}
