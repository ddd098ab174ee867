import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { backoffMs } from './backoff.ts';
import { InvariantError } from './invariant.ts';

const options = { baseMs: 100, capMs: 10_000 };
const ALMOST_ONE = 1 - Number.EPSILON / 2;

describe('backoff', () => {
  it('doubles its ceiling with each attempt, from the base to the cap', () => {
    const ceilings = [1, 2, 3, 7, 8, 9, 5_000].map((attempt) => backoffMs(attempt, options, ALMOST_ONE));
    expect(ceilings).toEqual([100, 200, 400, 6_400, 10_000, 10_000, 10_000]);
  });

  it('spreads over the whole span down to nothing', () => {
    expect(backoffMs(4, options, 0)).toBe(0);
    expect(backoffMs(4, options, 0.5)).toBe(400);
  });

  it('is a whole number between 0 and the cap, and grows with the randomness', () => {
    const attempt = fc.integer({ min: 1, max: 10_000 });
    const random = fc.double({ min: 0, max: 1, maxExcluded: true, noNaN: true });
    fc.assert(
      fc.property(attempt, random, random, (tries, one, other) => {
        const [low, high] = [Math.min(one, other), Math.max(one, other)].map((r) => backoffMs(tries, options, r));
        expect(Number.isInteger(low)).toBe(true);
        expect(low).toBeGreaterThanOrEqual(0);
        expect(high).toBeLessThanOrEqual(options.capMs);
        expect(low).toBeLessThanOrEqual(high ?? 0);
      }),
    );
  });

  it('refuses an attempt before the first and randomness outside [0, 1)', () => {
    for (const attempt of [0, -1, 1.5]) expect(() => backoffMs(attempt, options, 0.5)).toThrow(InvariantError);
    for (const random of [-0.1, 1, Number.NaN]) expect(() => backoffMs(1, options, random)).toThrow(InvariantError);
  });
});
