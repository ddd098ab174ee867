import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  canonicalTransformation,
  OUTPUT_FORMATS,
  PRESETS,
  parseTransformation,
  SIDE_MAX,
  type Transformation,
} from './transformation.ts';

const canonicalOf = (query: string): string => {
  const result = parseTransformation(new URLSearchParams(query));
  if (!result.ok) throw new Error(JSON.stringify(result.problems));
  return canonicalTransformation(result.transformation);
};
const problemsOf = (query: string) => {
  const result = parseTransformation(new URLSearchParams(query));
  return result.ok ? [] : result.problems;
};

const transformations: fc.Arbitrary<Transformation> = fc.record(
  {
    w: fc.integer({ min: 1, max: SIDE_MAX }),
    h: fc.integer({ min: 1, max: SIDE_MAX }),
    fit: fc.constant('max' as const),
    fm: fc.constantFrom(...OUTPUT_FORMATS),
    q: fc.integer({ min: 1, max: 100 }),
  },
  { requiredKeys: [] },
);

describe('the canonical form of a transformation', () => {
  it('is sorted, with the defaults written out', () => {
    expect(canonicalOf('w=100&h=100')).toBe('fit=max&h=100&w=100');
    expect(canonicalOf('w=800&fm=webp')).toBe('fit=max&fm=webp&q=80&w=800');
  });

  it('does not depend on order, aliases, leading zeros or spelled-out defaults', () => {
    expect(canonicalOf('h=50&fit=max&w=0100&fm=jpeg')).toBe(canonicalOf('fm=jpg&w=100&h=50&q=80'));
  });

  it('drops what changes nothing: a fit without a box, a quality of a lossless format', () => {
    expect(canonicalOf('fit=max')).toBe('');
    expect(canonicalOf('fm=png&q=30')).toBe('fm=png');
    expect(canonicalOf('q=30')).toBe('q=30');
  });

  it('reads back as itself, whatever the transformation', () => {
    fc.assert(
      fc.property(transformations, (transformation) => {
        const canonical = canonicalTransformation(transformation);
        expect(canonicalOf(canonical)).toBe(canonical);
      }),
    );
  });

  it('is the same for every order in which the parameters are written', () => {
    const shuffled = transformations.chain((transformation) => {
      const entries = Object.entries(transformation).map(([name, value]): [string, string] => [name, `${value}`]);
      return fc.tuple(
        fc.constant(canonicalTransformation(transformation)),
        fc.shuffledSubarray(entries, { minLength: entries.length }),
      );
    });
    fc.assert(
      fc.property(shuffled, ([canonical, entries]) => {
        expect(canonicalOf(new URLSearchParams(entries).toString())).toBe(canonical);
      }),
    );
  });

  it('names the presets by their bounding boxes', () => {
    expect(PRESETS).toEqual({
      small: 'fit=max&h=100&w=100',
      medium: 'fit=max&h=300&w=300',
      large: 'fit=max&h=600&w=600',
    });
  });
});

describe('a bad parameter', () => {
  it.each(['w=0', 'w=16385', 'w=-1', 'w=1e3', 'w=10.5', 'w=', 'w=%20100', 'w=0x10', 'w=99999999999'])(
    'is refused with its range: %s',
    (query) => {
      expect(problemsOf(query)).toEqual([{ parameter: 'w', allowed: 'a whole number of pixels from 1 to 16384' }]);
    },
  );

  it('is named with what is allowed, one by one', () => {
    expect(problemsOf('fit=cover&fm=bmp&q=101&w=10')).toEqual([
      { parameter: 'fit', allowed: 'max (inside the box, never enlarged)' },
      { parameter: 'fm', allowed: 'one of jpg, png, webp, avif, gif' },
      { parameter: 'q', allowed: 'a whole number from 1 to 100' },
    ]);
  });

  it('is refused when unknown, also under a name that every object has', () => {
    expect(problemsOf('width=10')).toEqual([{ parameter: 'width', allowed: 'a parameter among w, h, fit, fm, q' }]);
    expect(problemsOf('constructor=1&__proto__=2')).toEqual(
      ['constructor', '__proto__'].map((parameter) => ({ parameter, allowed: 'a parameter among w, h, fit, fm, q' })),
    );
  });

  it('is refused when it comes twice', () => {
    expect(problemsOf('w=10&w=20')).toEqual([{ parameter: 'w', allowed: 'once only' }]);
  });
});
