import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { outputSize, planRender } from './plan.ts';
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
const formatsOf = (source: SourceFacts, fm?: 'jpg' | 'webp') =>
  planRender(source, [fm ? { fm } : {}]).groups[0]?.outputs[0];

describe('the plan of a job', () => {
  it('decodes once, to the largest output, and makes the others of it, largest first', () => {
    const plan = planRender(photo, presets);
    expect(plan.decoded).toEqual({ width: 600, height: 450 });
    expect(plan.groups.map(({ size }) => size)).toEqual([
      { width: 600, height: 450 },
      { width: 300, height: 225 },
      { width: 100, height: 75 },
    ]);
    expect(plan.groups.flatMap(({ outputs }) => outputs.map(({ index }) => index))).toEqual([2, 1, 0]);
  });

  it('makes the pixels of one size once for all formats of it', () => {
    const plan = planRender(photo, [{ w: 300 }, { w: 300, fm: 'avif' }, { h: 225, fm: 'webp' }]);
    expect(plan.groups).toHaveLength(1);
    expect(plan.groups[0]?.outputs.map(({ format, quality }) => [format, quality])).toEqual([
      ['jpeg', 80],
      ['avif', 67],
      ['webp', 80],
    ]);
  });

  it('streams a single output', () => {
    expect(planRender(photo, [{ w: 300 }]).streamed).toBe(true);
    expect(planRender(photo, presets).streamed).toBe(false);
  });

  it('keeps the format where a browser shows it, else takes PNG with alpha and JPEG without', () => {
    for (const format of ['jpeg', 'png', 'webp', 'gif', 'avif'] as const) {
      expect(formatsOf({ ...photo, format })?.format).toBe(format);
    }
    expect(formatsOf({ ...photo, format: 'svg', hasAlpha: true })?.format).toBe('png');
    expect(formatsOf({ ...photo, format: 'heic' })?.format).toBe('jpeg');
    expect(formatsOf(photo, 'webp')?.format).toBe('webp');
  });

  it('keeps an animation moving where the output format can, and decodes all frames only then', () => {
    const film: SourceFacts = { ...photo, format: 'gif', frames: 12 };
    expect(planRender(film, [{ w: 100 }]).animated).toBe(true);
    expect(formatsOf(film, 'webp')?.animated).toBe(true);
    expect(formatsOf(film, 'jpg')?.animated).toBe(false);
    expect(planRender(film, [{ fm: 'jpg' }]).animated).toBe(false);
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
