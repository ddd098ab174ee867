import fc from 'fast-check';
import { FITS, OUTPUT_FORMATS, PARAMETERS, type ParameterName, PLACES, SIDE_MAX } from './parameters.ts';

/** The grammar as a source of random queries: a new parameter does not compile without its values here. */

type Texts = fc.Arbitrary<string>;

/** A number as somebody might write it: the ends of the range more often than chance, and with zeros before it. */
function whole(min: number, max: number): Texts {
  const number = fc.oneof({ weight: 4, arbitrary: fc.integer({ min, max }) }, fc.constantFrom(min, max));
  return fc.tuple(number, fc.boolean()).map(([value, zero]) => (zero ? `0${value}` : `${value}`));
}

function signed(most: number): Texts {
  return fc.integer({ min: -most, max: most }).map((value) => (value === 0 ? '-0' : `${value}`));
}

function decimal(min: number, max: number): Texts {
  const thousandths = fc.integer({ min: min * 1_000, max: max * 1_000 });
  return fc
    .tuple(fc.oneof(thousandths, fc.constantFrom(min * 1_000, max * 1_000, 1_500, 500)), fc.boolean())
    .filter(([value]) => value >= min * 1_000 && value <= max * 1_000)
    .map(([value, long]) => (long ? (value / 1_000).toFixed(3) : `${value / 1_000}`));
}

const HEX = [...'0123456789abcdefABCDEF'];
const colour: Texts = fc
  .constantFrom(3, 4, 6, 8)
  .chain((digits) => fc.string({ unit: fc.constantFrom(...HEX), minLength: digits, maxLength: digits }));

/** Boxes that a page asks for, and now and then one that nobody does. */
const side = fc.oneof({ weight: 5, arbitrary: whole(1, 2_000) }, whole(1, SIDE_MAX));
const places = fc.constantFrom(...PLACES);
const flag = fc.constantFrom('true', '1');
const gap = whole(0, 1_000);

const ratio: Texts = fc
  .tuple(fc.integer({ min: 1, max: 9_999_999 }), fc.integer({ min: 1, max: 9_999_999 }))
  .filter(([width, height]) => width <= 1_000 * height && height <= 1_000 * width)
  .map(([width, height]) => `${width / 1_000}:${height / 1_000}`);

/** Mostly within any picture, so that something is left to render. */
const edge = fc.oneof({ weight: 5, arbitrary: fc.integer({ min: 0, max: 90 }) }, fc.integer({ min: 0, max: 65_534 }));
const length = fc.oneof(
  { weight: 3, arbitrary: fc.integer({ min: 1, max: 500 }) },
  fc.integer({ min: 1, max: 65_535 }),
);

/** Texts that trip up who encodes, normalises, cuts or renders them carelessly. */
const TRICKY = [
  'a&b=c',
  '100 % + more',
  '%2C%3A',
  '<b>bold</b>',
  'e\u0301',
  '\u0958',
  '👩🏽‍🚀',
  'עברית',
  '١٢٣',
  'a,b:c',
  '"',
  "'",
];
const text: Texts = fc.oneof(
  fc.constantFrom(...TRICKY),
  fc.string({ unit: 'grapheme', minLength: 1, maxLength: 40 }).map((line) => `${line.normalize('NFC')}.`),
  fc.integer({ min: 1, max: 256 }).map((count) => '字'.repeat(count)),
);

const IDS = fc.string({ unit: fc.constantFrom(...'0123456789abcdefghjkmnpqrstvwxyz'), minLength: 26, maxLength: 26 });

/** What each parameter takes, in every spelling that it takes. */
export const VALID = {
  w: side,
  h: side,
  fit: fc.constantFrom(...FITS),
  crop: fc.constantFrom('top', 'left', 'bottom,right', 'right,top', 'entropy', 'edges', 'focalpoint'),
  'fp-x': decimal(0, 1),
  'fp-y': decimal(0, 1),
  ar: fc.oneof(fc.constantFrom('16:9', '1:1', '1.91:1', '1000:1', '2:1000'), ratio),
  dpr: decimal(1, 5),
  rect: fc.tuple(edge, edge, length, length).map((sides) => sides.join(',')),
  orient: whole(1, 8),
  trim: fc.constant('auto'),
  'trim-tol': whole(1, 255),
  flip: fc.constantFrom('h', 'v', 'hv'),
  rot: whole(0, 359),
  pad: gap,
  bg: colour,
  'border-radius': fc.oneof(fc.constant('max'), whole(1, SIDE_MAX)),
  page: whole(1, 1_000),
  fm: fc.constantFrom(...OUTPUT_FORMATS, 'jpeg', 'tif'),
  q: fc.oneof(fc.constant('auto'), whole(1, 100)),
  lossless: flag,
  chromasub: fc.constantFrom('420', '444'),
  icc: fc.constantFrom('srgb', 'p3'),
  meta: fc.constantFrom('none', 'copyright'),
  bri: signed(100),
  con: signed(100),
  gam: signed(100),
  sat: signed(100),
  hue: whole(0, 359),
  invert: flag,
  sepia: whole(0, 100),
  monochrome: colour,
  blur: whole(0, 200),
  sharp: whole(0, 100),
  mark: IDS.map((id) => `img_${id}`),
  'mark-align': places,
  'mark-scale': whole(1, 100),
  'mark-pad': gap,
  'mark-alpha': whole(1, 100),
  txt: text,
  'txt-align': places,
  'txt-size': whole(4, 512),
  'txt-color': colour,
  'txt-pad': gap,
} as const satisfies Record<ParameterName, Texts>;

export const NAMES = Object.keys(PARAMETERS) as ParameterName[];

/** Some parameters with values that each of them takes, in any order; together they may contradict one another. */
export const queries: fc.Arbitrary<[ParameterName, string][]> = fc
  .subarray(NAMES, { maxLength: 12 })
  .chain((names) => fc.shuffledSubarray(names, { minLength: names.length }))
  .chain((names) =>
    fc.tuple(...names.map((name) => VALID[name].map((value): [ParameterName, string] => [name, value]))),
  );
