import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { matchesTag, readRange } from './ranges.ts';

describe('a Range header', () => {
  it.each([
    ['bytes=0-0', { first: 0, last: 0 }],
    ['bytes=0-99', { first: 0, last: 99 }],
    ['bytes=90-200', { first: 90, last: 99 }],
    ['bytes=99-', { first: 99, last: 99 }],
    ['bytes=-1', { first: 99, last: 99 }],
    ['bytes=-1000', { first: 0, last: 99 }],
    ['bytes = 1 - 2', { first: 1, last: 2 }],
  ])('%s of 100 bytes names these', (header, range) => {
    expect(readRange(header, 100)).toEqual(range);
  });

  it.each(['bytes=100-', 'bytes=100-200', 'bytes=-0'])('%s of 100 bytes names none', (header) => {
    expect(readRange(header, 100)).toBe('unsatisfiable');
  });

  it.each([undefined, '', 'bytes=', 'bytes=-', 'bytes=2-1', 'bytes=0-1,3-4', 'items=0-1', 'bytes=0x1-2', 'bytes=a-'])(
    '%s is passed over',
    (header) => {
      expect(readRange(header, 100)).toBe('whole');
    },
  );

  it('never names a byte outside of the object, whatever it says', () => {
    fc.assert(
      fc.property(fc.string(), fc.nat(), fc.nat(), fc.integer({ min: 1, max: 1_000 }), (noise, first, last, length) => {
        for (const header of [noise, `bytes=${first}-${last}`, `bytes=${first}-`, `bytes=-${last}`]) {
          const range = readRange(header, length);
          if (typeof range === 'string') continue;
          expect(range.first).toBeGreaterThanOrEqual(0);
          expect(range.last).toBeGreaterThanOrEqual(range.first);
          expect(range.last).toBeLessThan(length);
        }
      }),
    );
  });
});

describe('If-None-Match', () => {
  it.each(['"a"', 'W/"a"', '"b", "a"', '"b",W/"a"', '*', ' * '])('%s names the tag "a"', (header) => {
    expect(matchesTag(header, '"a"')).toBe(true);
  });

  it.each([undefined, '', 'a', '"A"', '"b"', '"ab"', '"*"'])('%s does not', (header) => {
    expect(matchesTag(header, '"a"')).toBe(false);
  });
});
