import { BOX_PIXELS_MAX, type Transformation } from '@safelight/contract';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { OUTPUT_PIXELS_MAX } from './arrange.ts';
import { type Arrangement, outputSize, type PlannedBase, planRender } from './plan.ts';
import type { SourceFacts } from './source.ts';

const photo: SourceFacts = {
  format: 'jpeg',
  bytes: 2_500_000,
  width: 4000,
  height: 3000,
  frames: 1,
  orientation: 1,
  hasAlpha: false,
  space: 'srgb',
  depth: 'uchar',
  hasProfile: false,
  progressive: false,
  palette: false,
};
const presets = [
  { w: 100, h: 100 },
  { w: 300, h: 300 },
  { w: 600, h: 600 },
];
const arrangementOf = (source: SourceFacts, transformations: readonly Transformation[]) => {
  const { bases, failures } = planRender(source, transformations);
  expect([bases.length, failures]).toEqual([1, []]);
  return (bases[0] as PlannedBase).arrangement;
};
const formatsOf = (source: SourceFacts, fm?: 'jpg' | 'webp') =>
  arrangementOf(source, [fm ? { fm } : {}]).pictures[0]?.outputs[0];
const indicesOf = ({ pictures, order }: Arrangement) =>
  order.map(([picture, output]) => pictures[picture]?.outputs[output]?.index);

describe('the plan of a job', () => {
  it('decodes once, to the largest output, and makes the others of it, largest first', () => {
    const plan = arrangementOf(photo, presets);
    expect(plan.decoded).toEqual({ width: 600, height: 450 });
    expect(plan.pictures.map(({ layout }) => layout.size)).toEqual([
      { width: 600, height: 450 },
      { width: 300, height: 225 },
      { width: 100, height: 75 },
    ]);
    expect(indicesOf(plan)).toEqual([2, 1, 0]);
  });

  it('makes the pixels of one picture once for all formats of it', () => {
    const plan = arrangementOf(photo, [
      { w: 300 },
      { w: 300, fm: 'avif' },
      { h: 225, fm: 'webp' },
      { w: 300, flip: 'h' },
    ]);
    expect(plan.pictures.map(({ outputs }) => outputs.length)).toEqual([3, 1]);
    expect(plan.pictures[0]?.outputs.map(({ format, quality }) => [format, quality])).toEqual([
      ['jpeg', 80],
      ['avif', 67],
      ['webp', 80],
    ]);
  });

  it('makes all of a quick format before the slow ones, unless too much would have to wait', () => {
    const asked: Transformation[] = [
      { w: 900, fm: 'avif' },
      { w: 300, fm: 'jpg' },
      { w: 900, fm: 'webp' },
      { w: 300, fm: 'avif' },
      { w: 900, fm: 'jpg' },
    ];
    expect(indicesOf(arrangementOf(photo, asked))).toEqual([4, 1, 2, 0, 3]);
    const large = asked.map((transformation) => ({
      ...transformation,
      w: (transformation.w ?? 0) * 5,
      fit: 'scale' as const,
    }));
    expect(indicesOf(arrangementOf(photo, large))).toEqual([4, 2, 0, 1, 3]);
  });

  it('decodes as much as the largest on each side needs, but never more than there is', () => {
    expect(arrangementOf(photo, [{ w: 400 }, { w: 300, h: 900, fit: 'crop' }]).decoded).toEqual({
      width: 1200,
      height: 900,
    });
    expect(arrangementOf(photo, [{ w: 8000, fit: 'scale' }]).decoded).toEqual({ width: 4000, height: 3000 });
    const drawing: SourceFacts = { ...photo, format: 'svg', width: 40, height: 30 };
    expect(arrangementOf(drawing, [{ w: 8000, fit: 'scale' }]).decoded).toEqual({ width: 8000, height: 6000 });
    const wideAndTall = [
      { w: 16_384, h: 9, fit: 'scale' },
      { w: 9, h: 16_384, fit: 'scale' },
    ] as const;
    expect(arrangementOf(drawing, wideAndTall).decoded).toEqual({ width: 40, height: 30 });
  });

  it('streams a single output', () => {
    expect(arrangementOf(photo, [{ w: 300 }]).streamed).toBe(true);
    expect(arrangementOf(photo, presets).streamed).toBe(false);
  });

  it('decodes once for all outputs that begin with the same page, orientation, area and colours', () => {
    const bases = (transformations: readonly Transformation[], source = photo) =>
      planRender(source, transformations).bases.length;
    const rect = { x: 10, y: 10, width: 100, height: 100 };
    expect(bases([{ w: 10 }, { rect }, { rect, w: 20 }, { rect, w: 20, trim: 'auto' }, { orient: 6 }])).toBe(4);
    expect(bases([{ w: 10 }, { orient: 1 }, { rect: { x: 0, y: 0, width: 9_000, height: 9_000 } }, { page: 1 }])).toBe(
      1,
    );
    expect(bases([{}, { icc: 'p3' }])).toBe(1);
    expect(bases([{}, { icc: 'p3' }, { icc: 'p3', fm: 'gif' }], { ...photo, hasProfile: true })).toBe(2);
    expect(bases([{ page: 1 }, { page: 2 }, { w: 20 }], { ...photo, format: 'gif', frames: 2 })).toBe(3);
  });

  it('keeps the format where a browser shows it, else takes PNG with alpha and JPEG without', () => {
    for (const format of ['jpeg', 'png', 'webp', 'gif', 'avif'] as const) {
      expect(formatsOf({ ...photo, format })?.format).toBe(format);
    }
    expect(formatsOf({ ...photo, format: 'svg', hasAlpha: true })?.format).toBe('png');
    expect(formatsOf({ ...photo, format: 'heic' })?.format).toBe('jpeg');
    expect(formatsOf({ ...photo, format: 'tiff' })?.format).toBe('jpeg');
    expect(formatsOf(photo, 'webp')?.format).toBe('webp');
  });

  it('keeps an animation moving where the output format can, and decodes all frames only then', () => {
    const film: SourceFacts = { ...photo, format: 'gif', width: 400, height: 300, frames: 12 };
    const isAnimated = (transformation: Transformation, source = film) =>
      planRender(source, [transformation]).bases[0]?.animated;
    expect(isAnimated({ w: 100 })).toBe(true);
    expect(formatsOf(film, 'webp')?.animated).toBe(true);
    expect(formatsOf(film, 'jpg')?.animated).toBe(false);
    expect(isAnimated({ fm: 'jpg' })).toBe(false);
    expect(isAnimated({ page: 3 })).toBe(false);
    expect(isAnimated({ fm: 'webp' }, { ...film, format: 'tiff' })).toBe(false);
  });

  it('knows what cannot be made before anything is decoded', () => {
    const failed = (transformation: Transformation, source = photo) => {
      const { bases, failures } = planRender(source, [transformation]);
      return bases.length === 0 && failures[0]?.cause;
    };
    expect(failed({ rect: { x: 4_000, y: 0, width: 5, height: 5 } })).toEqual({
      code: 'rect_outside',
      message: 'the rect begins at 4000,0, and the picture is 4000 × 3000 pixels',
    });
    expect(failed({ page: 2 })).toEqual({ code: 'page_missing', message: 'the picture has 1 frame' });
    expect(failed({ w: 16_384, h: 16_384, fit: 'min' })).toEqual({
      code: 'output_too_large',
      message: 'the output would be 16384 × 16384 pixels, and an output may have 100000000 pixels over all frames',
    });
    expect(failed({ w: 16_384, h: 100, fit: 'scale', fm: 'webp' })).toEqual({
      code: 'output_too_large',
      message: 'the output would be 16384 × 100 pixels, and WEBP holds 16383 on a side',
    });
    expect(failed({ w: 8_000, fit: 'scale', fm: 'webp', lossless: true })).toEqual({
      code: 'output_too_large',
      message:
        'the output would be 8000 × 6000 pixels, and lossless WEBP is made of at most 32000000 pixels over all frames',
    });
    expect(failed({ w: 8_000, fit: 'scale', fm: 'webp' })).toBe(false);
    expect(failed({ w: 9_000, h: 9_000, fit: 'fill', rot: 45 })).toMatchObject({ code: 'output_too_large' });
    expect(failed({ w: 4_000, fit: 'scale' }, { ...photo, format: 'gif', frames: 9 })).toMatchObject({
      code: 'output_too_large',
    });
  });

  it('gives up as many pixels as the grammar does', () => {
    expect(OUTPUT_PIXELS_MAX).toBe(BOX_PIXELS_MAX);
  });
});

describe('the size of an output', () => {
  const side = fc.integer({ min: 1, max: 65_535 });
  const box = fc.record(
    { w: fc.integer({ min: 1, max: 16_384 }), h: fc.integer({ min: 1, max: 16_384 }) },
    { requiredKeys: [] },
  );

  it('fits the box, has at least one pixel a side, and is never enlarged', () => {
    fc.assert(
      fc.property(side, side, box, (width, height, { w, h }) => {
        const size = outputSize({ width, height }, { ...(w && { w }), ...(h && { h }) });
        expect(size.width).toBeGreaterThanOrEqual(1);
        expect(size.height).toBeGreaterThanOrEqual(1);
        expect(size.width).toBeLessThanOrEqual(Math.min(width, w ?? width));
        expect(size.height).toBeLessThanOrEqual(Math.min(height, h ?? height));
      }),
    );
  });

  it('touches the box, unless the source is smaller', () => {
    fc.assert(
      fc.property(side, side, box, (width, height, { w, h }) => {
        const size = outputSize({ width, height }, { ...(w && { w }), ...(h && { h }) });
        const whole = size.width === width && size.height === height;
        expect(whole || size.width === w || size.height === h).toBe(true);
      }),
    );
  });
});
