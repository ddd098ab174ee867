import sharp from 'sharp';

/** Waves of all lengths, and edges. */
const WAVES = Array.from({ length: 256 }, (_, at) => Math.round(55 * Math.sin((at / 256) * 2 * Math.PI)));
const EDGE = 32;

/** A JPEG with detail wherever one looks, so that a tile which is a pixel off can be told from one that is not. */
export function finePicture(width: number, height: number): Promise<Buffer> {
  const pixels = Buffer.allocUnsafe(width * height * 3);
  let at = 0;
  for (let y = 0; y < height; y += 1) {
    for (let x = 0; x < width; x += 1) {
      const slow = WAVES[((x * x + y * 600) >> 12) & 255] ?? 0;
      const fast = WAVES[(x * 3 + y * 7) & 255] ?? 0;
      const edge = ((x / EDGE) ^ (y / EDGE)) & 1 ? 25 : 0;
      pixels[at] = 110 + slow + edge;
      pixels[at + 1] = 110 + fast + edge;
      pixels[at + 2] = 110 + ((slow + fast) >> 1);
      at += 3;
    }
  }
  return sharp(pixels, { raw: { width, height, channels: 3 } })
    .jpeg({ quality: 90 })
    .toBuffer();
}
