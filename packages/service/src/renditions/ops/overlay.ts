import type { Place, Transformation } from '@safelight/contract';
import type { Size } from '../geometry.ts';
import type { Pixels } from './operation.ts';

/** Whether anything lies over the picture: a mark, or text. */
export function isOverlaid({ mark, txt }: Transformation): boolean {
  return mark !== undefined || txt !== undefined;
}

/** What is left of a picture inside of a distance from all its edges; where nothing is, the picture. */
export function inside({ width, height }: Size, pad: number): Size {
  const left = { width: width - 2 * pad, height: height - 2 * pad };
  return left.width >= 1 && left.height >= 1 ? left : { width, height };
}

/** The upper left corner of something of size `laid` on a picture, at `place` and `pad` pixels from the edges. */
export function cornerOf(picture: Size, laid: Size, place: Place, pad: number): { left: number; top: number } {
  const [row, column] = place.split(',');
  const along = (all: number, part: number, isFirst: boolean, isLast: boolean) => {
    const free = all - part;
    // What does not fit inside of the margins keeps to the middle.
    if (free < 2 * pad || !(isFirst || isLast)) return Math.max(0, Math.floor(free / 2));
    return isFirst ? pad : free - pad;
  };
  return {
    left: along(picture.width, laid.width, column === 'left', column === 'right'),
    top: along(picture.height, laid.height, row === 'top', row === 'bottom'),
  };
}

/**
 * A copy of one frame with `laid` over it, which has an alpha channel and may reach beyond.
 * @param opacity of 0 to 1, on top of that channel
 */
export function layOver(
  picture: Pixels,
  laid: Pixels,
  { left, top }: { readonly left: number; readonly top: number },
  opacity: number,
): Pixels {
  const data = Buffer.from(picture.data);
  const { channels } = picture;
  const rows = Math.min(laid.height, picture.height - top);
  const columns = Math.min(laid.width, picture.width - left);
  for (let y = 0; y < rows; y += 1) {
    let to = ((top + y) * picture.width + left) * channels;
    let from = y * laid.width * 4;
    for (let x = 0; x < columns; x += 1, to += channels, from += 4) {
      const over = ((laid.data[from + 3] ?? 0) / 255) * opacity;
      if (over > 0) blend(data, to, channels, laid.data, from, over);
    }
  }
  return { ...picture, data };
}

/** Porter and Duff's "over", of colours that are not multiplied by their alpha. */
function blend(data: Buffer, to: number, channels: number, laid: Buffer, from: number, over: number): void {
  const under = channels === 4 ? ((data[to + 3] ?? 0) / 255) * (1 - over) : 1 - over;
  const alpha = over + under;
  for (let channel = 0; channel < Math.min(3, channels); channel += 1) {
    const sum = (laid[from + channel] ?? 0) * over + (data[to + channel] ?? 0) * under;
    data[to + channel] = Math.round(sum / alpha);
  }
  if (channels === 4) data[to + 3] = Math.round(255 * alpha);
}
