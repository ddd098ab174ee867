import { describe, expect, it } from 'vitest';
import { acceptableFormats } from './negotiate.ts';

const PHOTO = { frames: 1, hasAlpha: false };
const CHROME = 'image/avif,image/webp,image/apng,image/svg+xml,image/*,*/*;q=0.8';

describe('the formats in which a client may get a picture', () => {
  it.each([
    [CHROME, ['avif', 'webp', 'jpg']],
    ['image/webp,*/*', ['webp', 'jpg']],
    ['image/avif', ['avif', 'jpg']],
    ['IMAGE/AVIF , image/webp ; q=0.3', ['avif', 'webp', 'jpg']],
    ['*/*', ['jpg']],
    ['image/*', ['jpg']],
    ['', ['jpg']],
    [undefined, ['jpg']],
  ])('are those that it names, smallest first, and one that all show: %s', (accept, formats) => {
    expect(acceptableFormats(accept, PHOTO)).toEqual(formats);
  });

  it.each(['image/avif;q=0,image/webp', 'image/avif; q=0.0, image/webp', 'image/avif;v=b3;q=0.000,image/webp'])(
    'leave out what a weight of nothing excludes: %s',
    (accept) => {
      expect(acceptableFormats(accept, PHOTO)).toEqual(['webp', 'jpg']);
    },
  );

  it('keep a small weight, which is not nothing', () => {
    expect(acceptableFormats('image/avif;q=0.001', PHOTO)).toEqual(['avif', 'jpg']);
  });

  it('keep transparency and movement', () => {
    expect(acceptableFormats('*/*', { frames: 1, hasAlpha: true })).toEqual(['png']);
    expect(acceptableFormats(CHROME, { frames: 12, hasAlpha: true })).toEqual(['webp', 'gif']);
  });

  it('take a header of junk for no wish', () => {
    expect(acceptableFormats(`${';,=q'.repeat(2_000)}`, PHOTO)).toEqual(['jpg']);
  });
});
