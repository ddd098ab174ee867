import fc from 'fast-check';
import sharp, { type Sharp } from 'sharp';
import { thumbHashToAverageRGBA, thumbHashToRGBA } from 'thumbhash';
import { describe, expect, it } from 'vitest';
import { PICTURES, type PictureName, photo } from '../../../../../scripts/make-pictures.ts';
import { looksSchema } from '../looks.ts';
import { blurhashOf } from './blurhash.ts';
import { looksOf } from './looks.ts';
import { type Samples, type Thumbnail, thumbnailOf } from './thumbnail.ts';

const BASE_83 = '0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz#$%*+,-.:;=?@[]^_{|}~';

type Rgba = readonly [number, number, number, number?];

function paint(width: number, height: number, colourAt: (x: number, y: number) => Rgba): Samples & Thumbnail {
  const pixels = Array.from({ length: width * height }, (_, at) => {
    const [r, g, b, a = 255] = colourAt(at % width, Math.floor(at / width));
    return [r, g, b, a];
  });
  const rgba = Uint8Array.from(pixels.flat());
  return { width, height, rgba, data: rgba, channels: 4 };
}

const distance = (a: string, b: string): number => {
  const bits = (BigInt(`0x${a}`) ^ BigInt(`0x${b}`)).toString(2);
  return bits.replaceAll('0', '').length;
};

describe('what a picture looks like', () => {
  it('can be said of every picture, whatever its size', () => {
    const side = fc.integer({ min: 1, max: 200 });
    const picture = fc
      .tuple(side, side, fc.constantFrom(1, 2, 3, 4), fc.uint8Array({ minLength: 1, maxLength: 5_000 }))
      .map(([width, height, channels, noise]) => {
        const data = Uint8Array.from({ length: width * height * channels }, (_, at) => noise[at % noise.length] ?? 0);
        return { width, height, channels, data };
      });
    fc.assert(
      fc.property(picture, (pixels) => {
        const looks = looksOf(pixels);
        expect(looksSchema.parse(JSON.parse(JSON.stringify(looks)))).toEqual(looks);
      }),
      { numRuns: 150 },
    );
  });

  it('is whether anything of it can be seen through', () => {
    expect(looksOf(paint(8, 8, () => [1, 2, 3])).opaque).toBe(true);
    expect(looksOf(paint(8, 8, (x, y) => [1, 2, 3, x + y === 14 ? 254 : 255])).opaque).toBe(false);
  });
});

describe('the small copy', () => {
  it('has the proportions of the picture, is never larger, and has the mean of what it covers', () => {
    const { width, height, rgba } = thumbnailOf(paint(192, 96, (x) => (x % 4 < 2 ? [200, 100, 0] : [100, 200, 0])));
    expect({ width, height }).toEqual({ width: 48, height: 24 });
    expect([...rgba.subarray(0, 4)]).toEqual([150, 150, 0, 255]);
    expect(thumbnailOf(paint(3, 2, () => [1, 2, 3]))).toMatchObject({ width: 3, height: 2 });
    expect(thumbnailOf(paint(1, 9_000, () => [1, 2, 3]))).toMatchObject({ width: 1, height: 48 });
  });

  it('takes no colour from what cannot be seen', () => {
    const { rgba } = thumbnailOf(paint(96, 96, (x) => (x % 2 ? [255, 255, 255, 0] : [10, 20, 30, 255])));
    expect([...rgba.subarray(0, 4)]).toEqual([10, 20, 30, 128]);
  });

  it('is in colour even of grey samples', () => {
    const grey = { width: 2, height: 1, channels: 1 as const, data: Uint8Array.of(7, 9) };
    expect([...thumbnailOf(grey).rgba]).toEqual([7, 7, 7, 255, 9, 9, 9, 255]);
    const withAlpha = { width: 1, height: 1, channels: 2 as const, data: Uint8Array.of(7, 100) };
    expect([...thumbnailOf(withAlpha).rgba]).toEqual([7, 7, 7, 100]);
  });
});

describe('the palette', () => {
  const palette = (picture: Samples) => looksOf(picture).palette;

  it('is the one colour of a picture of one colour', () => {
    expect(palette(paint(64, 48, () => [200, 100, 50]))).toEqual(['#c86432']);
    expect(palette(paint(1, 1, () => [0, 0, 0]))).toEqual(['#000000']);
  });

  it('begins with what there is most of', () => {
    const flag = paint(60, 40, (x, y) => (y < 6 ? [20, 40, 200] : x < 20 ? [255, 255, 255] : [200, 16, 46]));
    expect(palette(flag)).toEqual(['#c8102e', '#ffffff', '#1428c8']);
  });

  it('leaves out specks and what cannot be seen, and tells near colours as one', () => {
    const specks = paint(64, 64, (x, y) => (x === 0 && y < 10 ? [255, 0, 0] : [0, 90, 0]));
    expect(palette(specks)).toEqual(['#005a00']);
    const ghost = paint(64, 64, (x) => (x < 48 ? [255, 0, 0, 20] : [0, 0, 90]));
    expect(palette(ghost)).toEqual(['#00005a']);
    expect(palette(paint(48, 48, (x) => [90 + (x % 16), 100, 100]))).toHaveLength(1);
    expect(palette(paint(8, 8, () => [9, 9, 9, 0]))).toEqual([]);
  });

  it('has no more than six colours', () => {
    const rainbow = paint(64, 64, (x, y) => [(x * 4) & 0xc0, (y * 4) & 0xc0, ((x + y) * 4) & 0xc0]);
    expect(palette(rainbow)).toHaveLength(6);
  });
});

describe('the placeholders', () => {
  it('are bright where the picture is, in its colours', () => {
    const dusk = paint(64, 48, (_x, y) => (y < 24 ? [240, 200, 120] : [20, 40, 90]));
    const { thumbhash } = looksOf(dusk);
    const { w, h, rgba } = thumbHashToRGBA(Buffer.from(thumbhash, 'base64'));
    const pixel = (x: number, y: number) => [...rgba.subarray((y * w + x) * 4, (y * w + x) * 4 + 3)];
    expect(w / h).toBeCloseTo(64 / 48, 0);
    const [top, bottom] = [pixel(w >> 1, h >> 2), pixel(w >> 1, (3 * h) >> 2)];
    for (const channel of [0, 1, 2]) {
      expect(Math.abs((top[channel] ?? 0) - ([240, 200, 120][channel] ?? 0))).toBeLessThan(40);
      expect(Math.abs((bottom[channel] ?? 0) - ([20, 40, 90][channel] ?? 0))).toBeLessThan(40);
    }
  });

  it('have the mean colour of the picture, and its transparency', () => {
    const half = looksOf(paint(64, 64, (x) => (x < 32 ? [200, 100, 50, 255] : [200, 100, 50, 0])));
    const { r, g, b, a } = thumbHashToAverageRGBA(Buffer.from(half.thumbhash, 'base64'));
    expect([r * 255, g * 255, b * 255].map((mean) => Math.round(mean / 10) * 10)).toEqual([200, 100, 50]);
    expect(a).toBeCloseTo(0.5, 1);
  });

  // Encoded by the package blurhash 2.0.5 from the same pixels.
  it.each<[string, Thumbnail, string]>([
    ['one colour', paint(32, 24, () => [200, 100, 50]), 'L7M|T9^4fQ^4}XoKfQoKfQfQfQfQ'],
    ['a gradient', paint(32, 24, (x, y) => [250 - x * 8, 240 - y * 10, 128]), 'L+HLbf|_$5xGq8odjtkAgcfjfQfj'],
    [
      'a chequered portrait',
      paint(20, 32, (x, y) => (((x >> 2) + (y >> 2)) % 2 ? [255, 255, 255] : [10, 20, 200])),
      'TCLqep?dfQtAj]IVfQfQfQojj]D+',
    ],
    ['a pixel', paint(1, 1, () => [1, 2, 3]), 'L009m+tStStStStStStStStStStS'],
  ])('are, as BlurHash, what its own package makes of %s', (_what, thumbnail, hash) => {
    expect(blurhashOf(thumbnail)).toBe(hash);
  });

  // Its own package takes the sign of a wave for its size, and answers a scale of 13 from the right.
  it('are, as BlurHash, no weaker when the light comes from the right', () => {
    const scale = (hash: string) => BASE_83.indexOf(hash[1] ?? '');
    const fromLeft = blurhashOf(paint(32, 24, (x) => [248 - x * 8, 128, 128]));
    const fromRight = blurhashOf(paint(32, 24, (x) => [x * 8, 128, 128]));
    expect(scale(fromLeft)).toBeGreaterThan(50);
    expect(scale(fromRight)).toBeGreaterThan(50);
  });

  it('are, as BlurHash, the picture on white', () => {
    const white = blurhashOf(paint(32, 24, () => [255, 255, 255]));
    expect(blurhashOf(paint(32, 24, () => [0, 0, 0, 0]))).toBe(white);
  });
});

describe('the perceptual hash', () => {
  const hashOf = async (image: Sharp) => {
    const png = sharp(await image.png().toBuffer()).resize(600, 600, { fit: 'inside', withoutEnlargement: true });
    const { data, info } = await png
      .toColourspace('srgb')
      .raw({ depth: 'uchar' })
      .toBuffer({ resolveWithObject: true });
    return looksOf({ ...info, data, channels: info.channels as 3 | 4 }).perceptualHash;
  };
  const hashOfPicture = async (name: PictureName) => hashOf(sharp(await PICTURES[name].make()).autoOrient());

  it('hardly changes when a picture is scaled, encoded anew, or made a little brighter', async () => {
    const original = await photo(1200, 800).png().toBuffer();
    const hash = await hashOf(sharp(original));
    const copies = {
      small: sharp(original).resize(150),
      squeezed: sharp(original).resize(900, 700, { fit: 'fill' }),
      poor: sharp(await sharp(original).jpeg({ quality: 20 }).toBuffer()),
      webp: sharp(await sharp(original).webp({ quality: 40 }).toBuffer()),
      brighter: sharp(original).linear(1.1, 5),
      blurred: sharp(original).blur(3),
    };
    for (const [name, copy] of Object.entries(copies)) {
      expect({ name, bits: distance(hash, await hashOf(copy)) }).toEqual({ name, bits: expect.toSatisfy(isFew) });
    }
  });

  it('hardly changes with the format and the colours that a picture is stored in', async () => {
    const hash = await hashOf(photo(600, 400));
    for (const name of ['cmyk', 'grey', 'sixteen-bit', 'modern'] as const) {
      expect({ name, bits: distance(hash, await hashOfPicture(name)) }).toEqual({
        name,
        bits: expect.toSatisfy(isFew),
      });
    }
  });

  it('has as many ones as zeros, so that it tells as much as 64 bits can', () => {
    const busy = paint(48, 48, (x, y) => {
      const [column, row] = [x >> 2, y >> 2];
      const level = (column * column * 31 + row * row * 57 + column * row * 113) % 256;
      return [level, level, level];
    });
    const bits = BigInt(`0x${looksOf(busy).perceptualHash}`).toString(2);
    expect(bits.replaceAll('0', '')).toHaveLength(32);
  });

  it('differs between pictures that look different', async () => {
    const names = ['modern', 'turned-with-gps', 'alpha', 'animated', 'vector'] as const;
    const hashes = await Promise.all(names.map(hashOfPicture));
    for (const [at, hash] of hashes.entries()) {
      for (const other of hashes.slice(at + 1)) expect(distance(hash, other)).toBeGreaterThanOrEqual(12);
    }
  });

  it('is told of a surface of one colour too', () => {
    const grey = looksOf(paint(64, 64, () => [77, 77, 77])).perceptualHash;
    expect(grey).toBe('8000000000000000');
    expect(looksOf(paint(20, 64, () => [78, 77, 77])).perceptualHash).toBe(grey);
  });
});

function isFew(bits: number): boolean {
  return bits <= 6;
}
