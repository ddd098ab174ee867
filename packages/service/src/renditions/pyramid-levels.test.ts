import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { sourceFacts } from '../../../../test/support/uploads.ts';
import { planRender } from './plan.ts';
import { levelOf, OVERSAMPLING, PYRAMID_TILE_SIDE } from './pyramid-levels.ts';
import type { SourceFacts } from './source.ts';

const LARGE: SourceFacts = { ...sourceFacts(), width: 12_000, height: 8_000 };
const TILE = {
  rect: { x: 512, y: 1_024, width: 2_048, height: 2_048 },
  w: 512,
  h: 512,
  fit: 'scale',
  fm: 'jpg',
} as const;

/** A picture, an area of it, and a size that is not larger. */
const READS = fc
  .record({ width: fc.integer({ min: 500, max: 65_535 }), height: fc.integer({ min: 500, max: 65_535 }) })
  .chain((stored) =>
    fc.record({
      stored: fc.constant(stored),
      area: fc
        .record({
          left: fc.integer({ min: 0, max: stored.width - 1 }),
          top: fc.integer({ min: 0, max: stored.height - 1 }),
        })
        .chain(({ left, top }) =>
          fc.record({
            left: fc.constant(left),
            top: fc.constant(top),
            width: fc.integer({ min: 1, max: stored.width - left }),
            height: fc.integer({ min: 1, max: stored.height - top }),
          }),
        ),
      reduction: fc.double({ min: 1, max: 300, noNaN: true }),
    }),
  );

describe('the level of a pyramid', () => {
  it('holds the area that is read, at most a quarter of a pixel of the output off, but for what halving leaves out', () => {
    fc.assert(
      fc.property(READS, ({ stored, area, reduction }) => {
        const target = {
          width: Math.max(1, Math.floor(area.width / reduction)),
          height: Math.max(1, Math.floor(area.height / reduction)),
        };
        const { level, area: read } = levelOf(stored, area, target);
        const factor = 2 ** level;
        for (const [begin, length, side] of [
          ['left', 'width', Math.floor(stored.width / factor)],
          ['top', 'height', Math.floor(stored.height / factor)],
        ] as const) {
          expect(read[begin]).toBeGreaterThanOrEqual(0);
          expect(read[length]).toBeGreaterThanOrEqual(1);
          expect(read[begin] + read[length]).toBeLessThanOrEqual(side);
          const outputPixel = area[length] / target[length];
          const end = Math.min(area[begin] + area[length], side * factor);
          if (area[begin] >= (side - 1) * factor) continue;
          expect(Math.abs(read[begin] * factor - area[begin])).toBeLessThanOrEqual(outputPixel / 4);
          expect(Math.abs((read[begin] + read[length]) * factor - end)).toBeLessThanOrEqual(outputPixel / 4);
        }
        if (level > 0) expect(factor * OVERSAMPLING).toBeLessThanOrEqual(area.width / target.width);
      }),
      { numRuns: 2_000 },
    );
  });

  it('is the smallest that is still twice as large as what is made of it, down to one tile', () => {
    const stored = { width: 12_000, height: 8_000 };
    const levels = [1, 2, 4, 7.9, 8, 16].map((factor) => {
      const side = Math.round(512 / factor);
      return levelOf(stored, { left: 0, top: 0, width: 512, height: 512 }, { width: side, height: side }).level;
    });
    expect(levels).toEqual([0, 0, 1, 1, 2, 3]);
    const { level } = levelOf(stored, { left: 0, top: 0, ...stored }, { width: 1, height: 1 });
    expect(stored.width / 2 ** level).toBeLessThanOrEqual(PYRAMID_TILE_SIDE);
    expect(stored.width / 2 ** (level - 1)).toBeGreaterThan(PYRAMID_TILE_SIDE);
  });
});

describe('a pyramid', () => {
  const isRead = (source: SourceFacts, transformation: Parameters<typeof planRender>[1][number]) =>
    planRender(source, [transformation], true).bases[0]?.base.fromPyramid === true;

  it.each([
    ['an area', TILE, true],
    ['an area as WebP, turned', { ...TILE, fm: 'webp', rot: 90 }, true],
    ['an area as AVIF, at another orientation', { ...TILE, fm: 'avif', orient: 6 }, true],
    ['all of it, smaller', { w: 600, fm: 'jpg' }, true],
    ['all of it, as large as it is', { fm: 'jpg' }, false],
    ['an area without loss', { ...TILE, fm: 'png' }, false],
    ['an area of higher quality than its tiles', { ...TILE, q: 86 }, false],
    ['an area of the quality that is found', { ...TILE, q: 'auto' }, false],
    ['an area with all its colours', { ...TILE, chromasub: '444' }, false],
    ['an area that says whose it is', { ...TILE, meta: 'copyright' }, false],
    ['what is left without a border', { trim: 'auto', fm: 'jpg' }, false],
  ] as const)('is read for %s: %j %j', (_, transformation, expected) => {
    expect(isRead(LARGE, transformation)).toBe(expected);
  });

  it.each([
    ['a smaller one', { width: 6_000, height: 5_000 }],
    ['one with transparency', { hasAlpha: true }],
    ['a drawing', { format: 'svg' }],
    ['one of several pages', { format: 'tiff', frames: 3 }],
  ] as const)('is not made of a picture such as %s', (_, facts) => {
    expect(isRead({ ...LARGE, ...facts }, { ...TILE, fm: 'jpg' })).toBe(false);
  });

  it('holds no colours beyond sRGB', () => {
    const wide = { ...LARGE, hasProfile: true };
    expect(isRead(wide, TILE)).toBe(true);
    expect(isRead(wide, { ...TILE, icc: 'p3' })).toBe(false);
  });
});
