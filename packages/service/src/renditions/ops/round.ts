import { eachFrame } from './frames.ts';
import type { PixelOperation, Pixels } from './operation.ts';

/** Rounds the corners: outside of a circle's quarter in each of them nothing is left. */
export const round: PixelOperation = {
  name: 'round',
  stage: 'picture',
  wanted: ({ picture }) => picture?.transformation['border-radius'] !== undefined,
  change: (pixels, { picture }) => {
    const asked = picture?.transformation['border-radius'];
    const most = Math.min(pixels.width, pixels.height) / 2;
    const radius = asked === undefined || asked === 'max' ? most : Math.min(asked, most);
    return eachFrame(pixels, (frame) => roundCorners(withAlpha(frame), radius));
  },
};

/** A copy with an alpha channel. */
function withAlpha(pixels: Pixels): Pixels {
  const { channels } = pixels;
  if (channels === 4) return { ...pixels, data: Buffer.from(pixels.data) };
  const data = Buffer.alloc((pixels.data.length / channels) * 4, 255);
  for (let from = 0, to = 0; from < pixels.data.length; from += channels, to += 4) {
    data[to] = pixels.data[from] ?? 0;
    data[to + 1] = pixels.data[channels === 3 ? from + 1 : from] ?? 0;
    data[to + 2] = pixels.data[channels === 3 ? from + 2 : from] ?? 0;
  }
  return { ...pixels, data, channels: 4 };
}

/** Multiplies opacity, where it lies, by how much of each pixel is inside; only corners are looked at. */
function roundCorners(pixels: Pixels, radius: number): Pixels {
  const { data, width, height } = pixels;
  const reach = Math.ceil(radius);
  for (let y = 0; y < reach; y += 1) {
    for (let x = 0; x < reach; x += 1) {
      const inside = radius + 0.5 - Math.hypot(radius - x - 0.5, radius - y - 0.5);
      if (inside >= 1) break;
      const share = Math.max(0, inside);
      // A set: in the middle of a circle corners share their pixels.
      const places = new Set([
        y * width + x,
        y * width + width - 1 - x,
        (height - 1 - y) * width + x,
        (height - 1 - y) * width + width - 1 - x,
      ]);
      for (const place of places) fade(data, place * 4, share);
    }
  }
  return pixels;
}

/** What cannot be seen has no colour, which would only make files longer. */
function fade(data: Buffer, at: number, share: number): void {
  if (share === 0) data.fill(0, at, at + 4);
  else data[at + 3] = Math.round((data[at + 3] ?? 0) * share);
}
