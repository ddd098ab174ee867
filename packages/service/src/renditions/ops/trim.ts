import type { Area } from '../geometry.ts';
import type { Pixels } from './operation.ts';

/**
 * What is left of a picture without its border: rows and columns in which no pixel differs by more than `tolerance`
 * levels, in any channel, from the upper left one. A picture of one colour is all border, and stays whole. Looks at the
 * border and a little more, from the outside in.
 */
export function trimBox(pixels: Pixels, tolerance: number): Area {
  const { width, height } = pixels;
  const isBorder = borderTest(pixels, tolerance);
  const row = (y: number, left: number, right: number) => {
    for (let x = left; x < right; x += 1) if (!isBorder(x, y)) return false;
    return true;
  };
  const column = (x: number, top: number, bottom: number) => {
    for (let y = top; y < bottom; y += 1) if (!isBorder(x, y)) return false;
    return true;
  };
  let [left, top, right, bottom] = [0, 0, width, height];
  while (top < bottom && row(top, 0, width)) top += 1;
  if (top === bottom) return { left: 0, top: 0, width, height };
  while (row(bottom - 1, 0, width)) bottom -= 1;
  while (column(left, top, bottom)) left += 1;
  while (column(right - 1, top, bottom)) right -= 1;
  return { left, top, width: right - left, height: bottom - top };
}

function borderTest({ data, width, channels }: Pixels, tolerance: number): (x: number, y: number) => boolean {
  const corner = data.subarray(0, channels);
  const isClear = channels === 4 && corner[3] === 0;
  return (x, y) => {
    const at = (y * width + x) * channels;
    // Of what cannot be seen, the colour does not count.
    if (isClear && (data[at + 3] ?? 0) <= tolerance) return true;
    for (let channel = 0; channel < channels; channel += 1) {
      if (Math.abs((data[at + channel] ?? 0) - (corner[channel] ?? 0)) > tolerance) return false;
    }
    return !isClear;
  };
}
