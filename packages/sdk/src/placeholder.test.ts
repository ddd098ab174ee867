import sharp from 'sharp';
import { rgbaToThumbHash } from 'thumbhash';
import { expect, test } from 'vitest';
import { placeholder, placeholderColour } from './index.ts';

/** Red above, see-through below, 60 × 90. */
const placeholders = {
  thumbhash: thumbhashOf(60, 90, (y) => (y < 45 ? [220, 30, 20, 255] : [0, 0, 0, 0])),
  blurhash: '',
};

function thumbhashOf(width: number, height: number, colourAt: (y: number) => number[]): string {
  const pixels = Array.from({ length: width * height }, (_, at) => colourAt(Math.floor(at / width)));
  return Buffer.from(rgbaToThumbHash(width, height, pixels.flat())).toString('base64');
}

test('a placeholder is a small PNG that looks like the image, with its proportions and transparency', async () => {
  const url = placeholder({ placeholders }) ?? '';
  const [, base64 = ''] = /^data:image\/png;base64,([A-Za-z0-9+/=]+)$/.exec(url) ?? [];
  const { data, info } = await sharp(Buffer.from(base64, 'base64')).raw().toBuffer({ resolveWithObject: true });
  expect(info).toMatchObject({ height: 32, channels: 4 });
  expect(info.width / info.height).toBeCloseTo(60 / 90, 0);
  const pixelAt = (y: number) => [...data.subarray((y * info.width + 8) * 4, (y * info.width + 8) * 4 + 4)];
  const [red = 0, green = 0, , alpha = 0] = pixelAt(6);
  expect({ isRed: red > 180 && green < 80, isSolid: alpha > 200 }).toEqual({ isRed: true, isSolid: true });
  expect(pixelAt(26)[3]).toBeLessThan(60);
});

test('a placeholder fits into a page many times', () => {
  expect(placeholder({ placeholders })?.length).toBeLessThan(6_000);
});

test('a placeholder of one colour is the one that most of the image has', () => {
  expect(placeholderColour({ colours: { dominant: '#dc1e14', palette: ['#dc1e14', '#ffffff'] } })).toBe('#dc1e14');
});

test('there is none before the pixels were seen', () => {
  expect(placeholder({})).toBeUndefined();
  expect(placeholderColour({})).toBeUndefined();
});
