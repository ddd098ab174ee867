import { rgbaToThumbHash } from 'thumbhash';
import type { Looks } from '../looks.ts';
import { blurhashOf } from './blurhash.ts';
import { paletteOf } from './palette.ts';
import { perceptualHash } from './perceptual-hash.ts';
import { type Samples, thumbnailOf } from './thumbnail.ts';

/** What a still picture looks like. From 600 × 450 pixels it costs 1 to 2 ms, 5 % of the presets of a 12 MP JPEG. */
export function looksOf(pixels: Samples): Looks {
  const thumbnail = thumbnailOf(pixels);
  const { width, height, rgba } = thumbnail;
  return {
    palette: paletteOf(thumbnail),
    thumbhash: Buffer.from(rgbaToThumbHash(width, height, rgba)).toString('base64'),
    blurhash: blurhashOf(thumbnail),
    perceptualHash: perceptualHash(thumbnail),
    opaque: isOpaque(rgba),
  };
}

function isOpaque(rgba: Uint8Array): boolean {
  for (let at = 3; at < rgba.length; at += 4) if (rgba[at] !== 255) return false;
  return true;
}
