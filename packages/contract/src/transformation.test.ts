import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { NAMES, queries, VALID } from './transformation/grammar.fixture.ts';
import {
  canonicalTransformation,
  type ParameterName,
  PRESETS,
  parseTransformation,
  resolveTransformation,
  SIDE_MAX,
  type Transformation,
} from './transformation.ts';

type Query = readonly (readonly [string, string])[];

/** As it comes over the wire. */
function parsed(query: Query | string): Transformation | undefined {
  const sent = new URLSearchParams(typeof query === 'string' ? query : query.map(([name, text]) => [name, text]));
  const result = parseTransformation(new URLSearchParams(sent.toString()));
  return result.ok ? result.transformation : undefined;
}

function understood(query: Query | string): Transformation {
  const transformation = parsed(query);
  // Boxes over the bound are the only thing that the parameters allow one by one and not together.
  fc.pre(transformation !== undefined);
  return transformation;
}

const RUNS = { numRuns: 500 };

describe('the canonical form of a transformation', () => {
  it('reads back as the transformation with everything resolved, whatever was asked for', () => {
    fc.assert(
      fc.property(queries, (query) => {
        const transformation = understood(query);
        const resolved = resolveTransformation(transformation);
        expect(parsed(canonicalTransformation(transformation))).toEqual(resolved);
        expect(resolveTransformation(resolved)).toEqual(resolved);
        expect(canonicalTransformation(resolved)).toBe(canonicalTransformation(transformation));
      }),
      RUNS,
    );
  });

  it('is the same for every order in which the parameters are written', () => {
    const shuffled = queries.chain((query) =>
      fc.tuple(fc.constant(query), fc.shuffledSubarray(query, { minLength: query.length })),
    );
    fc.assert(
      fc.property(shuffled, ([query, other]) => {
        expect(canonicalTransformation(understood(other))).toBe(canonicalTransformation(understood(query)));
      }),
      RUNS,
    );
  });

  it('is the same when defaults are spelled out', () => {
    fc.assert(
      fc.property(queries, (query) => {
        const asked = query.filter(([name]) => name !== 'dpr');
        const canonical = canonicalTransformation(understood(asked));
        const given = new Set<string>(asked.map(([name]) => name));
        const resolved = new URLSearchParams(canonical);
        // A side that proportions carry over the bound takes the other one with it: then none of both is a default.
        fc.pre(asked.every(([name, text]) => !(name === 'w' || name === 'h') || (resolved.get(name) ?? text) === text));
        const added = [...resolved].filter(([name]) => !given.has(name));
        expect(canonicalTransformation(understood([...asked, ...added]))).toBe(canonical);
      }),
      RUNS,
    );
  });

  it('is the same when what changes nothing is added', () => {
    fc.assert(
      fc.property(queries, fc.subarray([...NEUTRAL]), (query, neutral) => {
        const given = new Set<string>(query.map(([name]) => name));
        const added = neutral.filter(([name]) => !given.has(name));
        expect(canonicalTransformation(understood([...query, ...added]))).toBe(
          canonicalTransformation(understood(query)),
        );
      }),
      RUNS,
    );
  });

  it.each(NAMES)('differs when the value of %s does, and only then', (name) => {
    fc.assert(
      fc.property(VALID[name], VALID[name], (one, other) => {
        const context = [...new URLSearchParams(EFFECTIVE[name])].map(([key, value]): [string, string] => [key, value]);
        const left = understood([...context, [name, one]]);
        const right = understood([...context, [name, other]]);
        const texts = [left, right].map(canonicalTransformation);
        expect(texts[0] === texts[1]).toBe(meaning(name, left) === meaning(name, right));
      }),
    );
  });

  it.each(NAMES)('differs by whether it has an effective %s', (name) => {
    const context = EFFECTIVE[name];
    expect(canonicalTransformation(understood(`${context}&${name}=${ONE_EFFECT[name]}`))).not.toBe(
      canonicalTransformation(understood(context)),
    );
  });

  it('is the text that it always was for the presets', () => {
    expect(PRESETS).toEqual({
      small: 'fit=max&h=100&w=100',
      medium: 'fit=max&h=300&w=300',
      large: 'fit=max&h=600&w=600',
    });
  });

  it('keeps the proportions of a box that screens of high resolution make too large', () => {
    expect(canonicalTransformation({ w: 8_000, h: 4_000, dpr: 5 })).toBe(`fit=max&h=${SIDE_MAX / 2}&w=${SIDE_MAX}`);
    expect(canonicalTransformation({ w: SIDE_MAX, ar: { width: 1, height: 4 }, fit: 'crop' })).toBe(
      `fit=crop&h=${SIDE_MAX}&w=${SIDE_MAX / 4}`,
    );
  });

  it('takes colours of a transformation made by hand as a URL writes them', () => {
    expect(canonicalTransformation({ bg: 'FA0', monochrome: '00f' })).toBe('bg=ffaa00&monochrome=0000ff');
  });
});

/** What is the same as leaving it out, whatever stands beside it. */
const NEUTRAL: readonly [ParameterName, string][] = [
  ['dpr', '1'],
  ['rot', '0'],
  ['pad', '0'],
  ['fit', 'clip'],
  ['fit', 'max'],
  ['fp-x', '0.500'],
  ['fp-y', '0.5'],
  ['trim-tol', '10'],
  ['chromasub', '420'],
  ['icc', 'srgb'],
  ['meta', 'none'],
  ...(['bri', 'con', 'gam', 'sat'] as const).map((name): [ParameterName, string] => [name, '-0']),
  ...(['hue', 'sepia', 'blur', 'sharp'] as const).map((name): [ParameterName, string] => [name, '00']),
  ['monochrome', '00ff8800'],
  ['mark-align', 'bottom,right'],
  ['mark-scale', '25'],
  ['mark-pad', '10'],
  ['mark-alpha', '100'],
  ['txt-align', 'bottom,right'],
  ['txt-size', '24'],
  ['txt-color', '000'],
  ['txt-pad', '10'],
];

const MARK = 'mark=img_00000000000000000000000000';
/** Something beside which the parameter has an effect. */
const EFFECTIVE: Readonly<Record<ParameterName, string>> = {
  ...(Object.fromEntries(NAMES.map((name) => [name, ''])) as Record<ParameterName, string>),
  fit: 'w=100&h=100',
  crop: 'w=100&h=100&fit=crop&fp-x=0.2',
  'fp-x': 'w=100&h=100&fit=crop&crop=focalpoint&fp-y=0.2',
  'fp-y': 'w=100&h=100&fit=min&crop=focalpoint&fp-x=0.2',
  ar: 'fit=crop',
  dpr: 'w=1000',
  'trim-tol': 'trim=auto',
  q: 'fm=webp',
  lossless: 'fm=webp',
  'mark-align': MARK,
  'mark-scale': MARK,
  'mark-pad': MARK,
  'mark-alpha': MARK,
  'txt-align': 'txt=a',
  'txt-size': 'txt=a',
  'txt-color': 'txt=a',
  'txt-pad': 'txt=a',
};

const ONE_EFFECT: Readonly<Record<ParameterName, string>> = {
  w: '1',
  h: '1',
  fit: 'scale',
  crop: 'top',
  'fp-x': '0.501',
  'fp-y': '0',
  ar: '1:1',
  dpr: '1.001',
  rect: '0,0,1,1',
  orient: '1',
  trim: 'auto',
  'trim-tol': '11',
  flip: 'h',
  rot: '1',
  pad: '1',
  bg: 'fff',
  'border-radius': '1',
  page: '1',
  fm: 'jpg',
  q: '79',
  lossless: 'true',
  chromasub: '444',
  icc: 'p3',
  meta: 'copyright',
  bri: '1',
  con: '-1',
  gam: '1',
  sat: '1',
  hue: '1',
  invert: 'true',
  sepia: '1',
  monochrome: 'f0f0',
  blur: '1',
  sharp: '1',
  mark: MARK.slice(5),
  'mark-align': 'top,left',
  'mark-scale': '26',
  'mark-pad': '0',
  'mark-alpha': '99',
  txt: 'a',
  'txt-align': 'top,left',
  'txt-size': '25',
  'txt-color': 'feff',
  'txt-pad': '0',
};

/** What a value does, as far as two values of one parameter may do the same. */
function meaning(name: ParameterName, transformation: Transformation): string {
  const value = transformation[name];
  const isNothing = value === 0 || (name === 'monochrome' && typeof value === 'string' && value.startsWith('00'));
  return isNothing && name !== 'fp-x' && name !== 'fp-y' && !name.endsWith('-pad') ? '' : JSON.stringify(value);
}
