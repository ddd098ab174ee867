/** Red, green and blue of 0 to 255, opacity of 0 to 1. */
export interface Colour {
  readonly r: number;
  readonly g: number;
  readonly b: number;
  readonly alpha: number;
}

/** @param aarrggbb eight hexadecimal digits, opacity first */
export function parseColour(aarrggbb: string): Colour {
  const [alpha = 255, r = 0, g = 0, b = 0] = [0, 2, 4, 6].map((at) => Number.parseInt(aarrggbb.slice(at, at + 2), 16));
  return { r, g, b, alpha: alpha / 255 };
}
