import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { IIIF_LIMITS, type IiifImage, type IiifLimits, type IiifSource, parseIiif } from './iiif.ts';
import { canonicalTransformation } from './transformation.ts';

/** The picture of the specification's examples. */
const MAP: IiifSource = { width: 300, height: 200 };
const WIDTH_360: IiifLimits = { maxWidth: 360, maxHeight: 360, maxArea: 1e8 };

function read(path: string, source = MAP, limits: IiifLimits = IIIF_LIMITS) {
  const [region = '', size = '', rotation = '', last = ''] = path.split('/').map(decodeURIComponent);
  return parseIiif([region, size, rotation, last], source, limits);
}

function imageOf(path: string, source = MAP, limits: IiifLimits = IIIF_LIMITS): IiifImage {
  const result = read(path, source, limits);
  if (!result.ok) throw new Error(`${path}: ${result.problem.allowed}`);
  return result.image;
}

function canonicalOf(path: string, source = MAP, limits: IiifLimits = IIIF_LIMITS): string {
  return canonicalTransformation(imageOf(path, source, limits).transformation);
}

/** Which parameter is refused. */
function refusedOf(path: string, source = MAP, limits: IiifLimits = IIIF_LIMITS): string {
  const result = read(path, source, limits);
  return result.ok ? 'nothing' : result.problem.parameter;
}

const JPG = 'fm=jpg&q=80';

describe('a region of the IIIF Image API', () => {
  it.each([
    ['full', JPG, 'full'],
    ['square', `${JPG}&rect=50,0,200,200`, '50,0,200,200'],
    ['125,15,120,140', `${JPG}&rect=125,15,120,140`, '125,15,120,140'],
    ['pct:41.6,7.5,40,70', `${JPG}&rect=125,15,120,140`, '125,15,120,140'],
    // Beyond the edge: what is returned has 175 × 185 pixels.
    ['125,15,200,200', `${JPG}&rect=125,15,175,185`, '125,15,175,185'],
    ['pct:41.6,7.5,66.6,100', `${JPG}&rect=125,15,175,185`, '125,15,175,185'],
    ['0,0,300,200', JPG, 'full'],
    ['0,0,999999999,999999999', JPG, 'full'],
    ['pct:0,0,100,100', JPG, 'full'],
    ['pct:.5,0,50.50,100', `${JPG}&rect=2,0,152,200`, '2,0,152,200'],
    ['299,199,1,1', `${JPG}&rect=299,199,1,1`, '299,199,1,1'],
  ])('is read: %s', (region, transformation, canonical) => {
    expect(canonicalOf(`${region}/max/0/default.jpg`)).toBe(transformation);
    expect(imageOf(`${region}/max/0/default.jpg`).canonical).toBe(`${canonical}/max/0/default.jpg`);
  });

  it.each([
    ...[
      '',
      'Full',
      'all',
      'squares',
      '1,2,3',
      '1,2,3,4,5',
      '1,2,3,',
      '-1,0,10,10',
      '0,0,1.5,10',
      '1e2,0,10,10',
      '0, 0,10,10',
    ],
    // Nothing of it lies within the picture, or there is nothing of it.
    ...['0,0,0,10', '0,0,10,0', '300,0,10,10', '0,200,10,10', 'pct:100,0,10,10', 'pct:0,0,0,10', 'pct:0,0,0.1,10'],
    ...['pct:1,2,3', 'pct:a,0,1,1', 'pct:+1,0,1,1', 'pct:1.,0,1,1', 'pct:-1,0,1,1', 'pct:1e1,0,1,1', 'pct:NaN,0,1,1'],
    ...['9'.repeat(10_000), '%00', '１,0,10,10'],
  ])('is refused: %s', (region) => {
    expect(refusedOf(`${region}/max/0/default.jpg`)).toBe('region');
  });

  it('takes the square of an upright picture from its middle too', () => {
    expect(imageOf('square/max/0/default.jpg', { width: 200, height: 301 }).region).toEqual({
      x: 0,
      y: 50,
      width: 200,
      height: 200,
    });
    expect(imageOf('square/max/0/default.jpg', { width: 9, height: 9 }).canonical).toBe('full/max/0/default.jpg');
  });
});

describe('a size of the IIIF Image API', () => {
  const to = (w: number, h: number) => `fit=scale&fm=jpg&h=${h}&q=80&w=${w}`;

  it.each([
    ['max', JPG, 'max'],
    ['150,', to(150, 100), '150,100'],
    ['^360,', to(360, 240), '%5Emax'],
    [',150', to(225, 150), '225,150'],
    ['^,240', to(360, 240), '%5Emax'],
    ['pct:50', to(150, 100), '150,100'],
    ['^pct:120', to(360, 240), '%5Emax'],
    ['225,100', to(225, 100), '225,100'],
    ['^360,360', to(360, 360), '%5E360,360'],
    // The specification says: 150 × 100, and 360 × 240.
    ['!225,100', to(150, 100), '150,100'],
    ['^!360,360', to(360, 240), '%5Emax'],
    ['^max', to(360, 240), '%5Emax'],
    ['300,', JPG, 'max'],
    ['300,200', JPG, 'max'],
    ['pct:100', JPG, 'max'],
    ['!9999,9999', JPG, 'max'],
    ['!300,9999', JPG, 'max'],
    ['^150,', to(150, 100), '150,100'],
    ['^300,200', JPG, 'max'],
    ['^330,220', to(330, 220), '%5E330,220'],
    ['^100,250', to(100, 250), '%5E100,250'],
    ['pct:33.3333', to(100, 67), '100,67'],
    ['!1,300', to(1, 1), '1,1'],
    ['1,', to(1, 1), '1,1'],
  ])('is read, where 360 pixels are the most: %s', (size, transformation, canonical) => {
    expect(canonicalOf(`full/${size}/0/default.jpg`, MAP, WIDTH_360)).toBe(transformation);
    expect(imageOf(`full/${size}/0/default.jpg`, MAP, WIDTH_360).canonical).toBe(`full/${canonical}/0/default.jpg`);
  });

  it.each([
    ...[
      '',
      'full',
      'MAX',
      '^',
      ',',
      '!',
      '!,',
      '!10,',
      '!,10',
      '150',
      '150,100,1',
      'pct:',
      'pct:10,10',
      '10.5,',
      '-1,',
      '+1,',
      '1e2,',
    ],
    ...['^^max', '!max', '!pct:10', ',^240', '^!', ' 10,', '9'.repeat(10_000)],
    // An enlargement that is not asked for by `^`.
    ...['301,', ',201', '301,200', '300,201', '1,201', 'pct:100.5', 'pct:120'],
    // Less than a pixel, or above the limits.
    ...[
      '0,',
      ',0',
      '0,0',
      '!0,0',
      '!0,10',
      'pct:0',
      'pct:0.1',
      '^0,',
      '^361,',
      '^,241',
      '^361,1',
      '^1,361',
      '^pct:121',
      '999999999,',
      '^999999999,999999999',
    ],
  ])('is refused: %s', (size) => {
    expect(refusedOf(`full/${size}/0/default.jpg`, MAP, WIDTH_360)).toBe('size');
  });

  it('is what is left of the maximum where the picture is above the limits', () => {
    const limits = { maxWidth: 200, maxHeight: 200, maxArea: 1e8 };
    expect(imageOf('full/max/0/default.jpg', MAP, limits).size).toEqual({ width: 200, height: 133 });
    expect(imageOf('full/^max/0/default.jpg', MAP, limits).canonical).toBe('full/max/0/default.jpg');
    expect(imageOf('full/200,133/0/default.jpg', MAP, limits).canonical).toBe('full/max/0/default.jpg');
    expect(imageOf('full/!300,300/0/default.jpg', MAP, limits).size).toEqual({ width: 200, height: 133 });
    expect(refusedOf('full/201,/0/default.jpg', MAP, limits)).toBe('size');
    expect(refusedOf('full/pct:100/0/default.jpg', MAP, limits)).toBe('size');
    expect(imageOf('0,0,100,100/max/0/default.jpg', MAP, limits).size).toEqual({ width: 100, height: 100 });
  });

  it('stays within the limit of an area', () => {
    const limits = { maxWidth: 10_000, maxHeight: 10_000, maxArea: 1_000 };
    const { width, height } = imageOf('full/max/0/default.jpg', MAP, limits).size;
    expect(width * height).toBeLessThanOrEqual(1_000);
    expect([width, height]).toEqual([38, 25]);
    expect(refusedOf('full/39,26/0/default.jpg', MAP, limits)).toBe('size');
  });

  it('is measured by the region, not by the picture', () => {
    expect(canonicalOf('125,15,120,140/90,/0/default.jpg')).toBe(
      'fit=scale&fm=jpg&h=105&q=80&rect=125,15,120,140&w=90',
    );
    expect(refusedOf('125,15,120,140/121,/0/default.jpg')).toBe('size');
    expect(imageOf('125,15,200,200/max/0/default.jpg').size).toEqual({ width: 175, height: 185 });
  });
});

describe('a rotation, quality and format of the IIIF Image API', () => {
  it.each([
    ['0', JPG, '0'],
    ['180', `${JPG}&rot=180`, '180'],
    ['90', `${JPG}&rot=90`, '90'],
    ['!0', `flip=h&${JPG}`, '!0'],
    ['!180', `flip=h&${JPG}&rot=180`, '!180'],
    ['360', JPG, '0'],
    ['270.0', `${JPG}&rot=270`, '270'],
  ])('turns: %s', (rotation, transformation, canonical) => {
    expect(canonicalOf(`full/max/${rotation}/default.jpg`)).toBe(transformation);
    expect(imageOf(`full/max/${rotation}/default.jpg`).canonical).toBe(`full/max/${canonical}/default.jpg`);
  });

  it.each(['', '22.5', '45', '361', '-90', '!', '!!0', '0!', '90deg', '1e1', '450', '٩٠'])(
    'is refused: %s',
    (rotation) => {
      expect(refusedOf(`full/max/${rotation}/default.jpg`)).toBe('rotation');
    },
  );

  it.each([
    ['default.jpg', JPG, 'default.jpg'],
    ['color.jpg', JPG, 'default.jpg'],
    ['gray.jpg', `${JPG}&sat=-100`, 'gray.jpg'],
    ['default.png', 'fm=png', 'default.png'],
    ['default.tif', 'fm=tiff', 'default.tif'],
    ['default.webp', 'fm=webp&q=80', 'default.webp'],
    ['default.gif', 'fm=gif', 'default.gif'],
    ['default.avif', 'fm=avif&q=67', 'default.avif'],
  ])('is written as %s', (last, transformation, canonical) => {
    expect(canonicalOf(`full/max/0/${last}`)).toBe(transformation);
    expect(imageOf(`full/max/0/${last}`).canonical).toBe(`full/max/0/${canonical}`);
  });

  it.each([
    '',
    'default',
    '.jpg',
    'default.',
    'default.jp2',
    'default.pdf',
    'default.jpeg',
    'bitonal.jpg',
    'grey.jpg',
    'native.jpg',
    'default.JPG',
    'default.jpg.png',
    'constructor.jpg',
    'default.toString',
  ])('is refused: %s', (last) => {
    expect(refusedOf(`full/max/0/${last}`)).toBe('quality.format');
  });

  it('does all at once, in the order of the path', () => {
    // The specification's example of the order has 345 degrees, which are no multiple of 90.
    expect(canonicalOf('125,15,120,140/90,/!270/gray.png')).toBe(
      'fit=scale&flip=h&fm=png&h=105&rect=125,15,120,140&rot=270&sat=-100&w=90',
    );
  });

  it('means the first frame of an animation', () => {
    expect(canonicalOf('full/max/0/default.gif', { ...MAP, frames: 12 })).toBe('fm=gif&page=1');
  });
});

describe('the canonical path', () => {
  const sources = fc.record({
    width: fc.integer({ min: 1, max: 65_535 }),
    height: fc.integer({ min: 1, max: 65_535 }),
  });
  const whole = fc.oneof(fc.integer({ min: 0, max: 400 }), fc.integer({ min: 0, max: 70_000 }));
  const share = fc.double({ min: 0, max: 120, noNaN: true }).map((value) => value.toFixed(3));
  const regions = fc.oneof(
    fc.constantFrom('full', 'square'),
    fc.tuple(whole, whole, whole, whole).map(String),
    fc.tuple(share, share, share, share).map((shares) => `pct:${shares}`),
  );
  const sizes = fc
    .tuple(
      fc.constantFrom('', '^'),
      fc.oneof(
        fc.constant('max'),
        fc.tuple(fc.constantFrom('', '!'), whole, whole).map(([bang, w, h]) => `${bang}${w},${h}`),
        whole.map((w) => `${w},`),
        whole.map((h) => `,${h}`),
        share.map((n) => `pct:${n}`),
      ),
    )
    .map((parts) => parts.join(''));
  const rotations = fc.constantFrom('0', '!0', '90', '!270', '360');
  const lasts = fc.constantFrom('default.jpg', 'gray.png', 'color.webp');
  const limits = fc.constantFrom(IIIF_LIMITS, WIDTH_360, { maxWidth: 2_000, maxHeight: 500, maxArea: 90_000 });

  it('reads back as the same image, whatever was asked for and of which picture', () => {
    fc.assert(
      fc.property(sources, fc.tuple(regions, sizes, rotations, lasts), limits, (source, path, most) => {
        const result = parseIiif(path, source, most);
        fc.pre(result.ok);
        const { image } = result;
        expect(imageOf(image.canonical, source, most)).toEqual(image);
        const { region, size } = image;
        expect(region.x + region.width).toBeLessThanOrEqual(source.width);
        expect(region.y + region.height).toBeLessThanOrEqual(source.height);
        expect(size.width * size.height).toBeLessThanOrEqual(most.maxArea);
        expect(Math.min(size.width, size.height)).toBeGreaterThanOrEqual(1);
        expect(size.width <= most.maxWidth && size.height <= most.maxHeight).toBe(true);
        if (!path[1].startsWith('^')) expect(size.width <= region.width && size.height <= region.height).toBe(true);
      }),
      { numRuns: 1_500 },
    );
  });

  it('is never an exception, whatever the path', () => {
    const texts = fc.string({ unit: 'binary', maxLength: 30 });
    fc.assert(
      fc.property(fc.tuple(texts, texts, texts, texts), sources, (path, source) => {
        expect(parseIiif(path, source).ok).toBe(false);
      }),
      { numRuns: 500 },
    );
  });
});
