import type { Image, Rendition } from '@safelight/contract';
import { SafelightError } from '@safelight/sdk';
import { describe, expect, test } from 'vitest';
import { curlOf, formatBytes, formatSaving, inOrder, troubleOf } from './words.ts';

const plain = (text: string) => text.replaceAll('\u00a0', ' ');

test.each([
  [0, '0 B'],
  [999, '999 B'],
  [1000, '1.0 KiB'],
  [2_543_237, '2.4 MiB'],
  [64 * 1024 * 1024, '64 MiB'],
  [101.2 * 1024, '101 KiB'],
  [1023.9 * 1024 * 1024, '1.0 GiB'],
])('%d bytes are %s', (bytes, text) => expect(plain(formatBytes(bytes))).toBe(text));

test.each([
  [0, 100, '99.9 % smaller'],
  [1, 10_000, '99.9 % smaller'],
  [9, 1000, '99.1 % smaller'],
  [10, 1000, '99 % smaller'],
  [16, 1000, '98 % smaller'],
  [1000, 1000, '0 % smaller'],
  [1120, 1000, '12 % larger'],
  [3140, 1000, '3.1 × larger'],
  [33_500, 378, '89 × larger'],
])('%d of %d bytes are %s', (bytes, original, text) => expect(plain(formatSaving(bytes, original))).toBe(text));

describe('a refusal in plain words', () => {
  const refusal = (facts: Partial<ConstructorParameters<typeof SafelightError>[0]>) =>
    troubleOf(new SafelightError({ code: 'internal', title: 'The title.', status: 500, ...facts }));

  test('names the bound that was crossed, in its unit', () => {
    const limit = 64 * 1024 * 1024;
    const bytes = { name: 'uploadBytesMax', limit, actual: limit + 7 * 1024 * 1024 };
    expect(plain(refusal({ code: 'upload_too_large', status: 413, bound: bytes }).text)).toBe(
      'Over the bound of 64 MiB: it has 71 MiB.',
    );
    const pixels = { name: 'pixelsMax', limit: 100e6, actual: 400e6 };
    expect(refusal({ code: 'image_too_large', bound: pixels }).text).toBe(
      'Over the bound of 100 megapixels: it has 400 megapixels.',
    );
    expect(refusal({ code: 'image_too_large', bound: { name: 'framesMax', limit: 1000 } }).text).toBe(
      'Over the bound of 1,000 frames.',
    );
  });

  test('tells what the file is instead of a picture, and offers no second try', () => {
    const detail = 'the file is HTML by its content';
    expect(refusal({ code: 'image_invalid', status: 400, detail })).toEqual({
      text: 'This is not a picture that can be read. The file is HTML by its content.',
      retryable: false,
    });
  });

  test.each(['unreachable', 'overloaded', 'database_unavailable', 'shutting_down'] as const)(
    'offers a second try after %s',
    (code) => expect(refusal({ code }).retryable).toBe(true),
  );

  test('falls back to what the service says about codes that the page does not know', () => {
    expect(refusal({ code: 'request_invalid', detail: 'url: is no URL.' }).text).toBe('url: is no URL.');
  });
});

describe('a picture', () => {
  const rendition = (preset: string | undefined, state: Rendition['state'], width: number): Rendition => ({
    id: `ren_${preset}`,
    ...(preset !== undefined && { preset }),
    transformation: 'w=1',
    state,
    url: `http://s/${preset}`,
    format: 'jpeg',
    width,
    height: width,
  });
  const image = {
    id: 'img_1',
    filename: "it's a cat.png",
    format: 'png',
    urls: { original: 'http://s/original?s=1', large: 'http://s/large' },
  } as unknown as Image;

  test('shows its renditions smallest first, those without a preset last', () => {
    const renditions = [undefined, 'large', 'small', 'medium'].map((preset) => rendition(preset, 'ready', 1));
    expect(inOrder(renditions).map(({ preset }) => preset)).toEqual(['small', 'medium', 'large', undefined]);
  });

  test('has a curl line for its largest rendition that a shell takes as it is', () => {
    const renditions = [
      rendition('large', 'failed', 600),
      rendition('small', 'ready', 100),
      rendition('medium', 'ready', 300),
    ];
    expect(curlOf({ ...image, renditions })).toBe("curl -o it-s-a-cat-medium.jpg 'http://s/medium'");
  });

  test('has a curl line for its original when nothing could be made of it', () => {
    const renditions = [rendition('large', 'failed', 600)];
    expect(curlOf({ ...image, renditions })).toBe("curl -o it-s-a-cat-original.png 'http://s/original?s=1'");
  });
});
