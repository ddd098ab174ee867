import {
  colour,
  crop,
  decimal,
  flag,
  imageId,
  line,
  oneOf,
  ratio,
  rect,
  signed,
  type ValueKind,
  whole,
  wordOr,
} from './values.ts';

/** Longest side that can be asked for, in pixels: what every output format but WebP (16,383) can hold and a screen can use. */
export const SIDE_MAX = 16_384;
/** Of a box that enlarges: as much as an original may have. */
export const BOX_PIXELS_MAX = 100_000_000;

/** Longest `pad` and distance of an overlay from the edge, in pixels of the output. */
export const PAD_MAX = 1_000;
/** Of letters, in pixels of the output. */
export const TEXT_SIZE_MAX = 512;

/** Output formats, by the names that URLs carry. */
export const OUTPUT_FORMATS = ['jpg', 'png', 'webp', 'avif', 'gif', 'tiff'] as const;
export type OutputFormat = (typeof OUTPUT_FORMATS)[number];

export const FITS = ['clip', 'crop', 'fill', 'fillmax', 'max', 'min', 'scale'] as const;
export type Fit = (typeof FITS)[number];

/** Where something lies on a picture: its rows from the top, and in each from the left. */
export const PLACES = [
  'top,left',
  'top,center',
  'top,right',
  'middle,left',
  'middle,center',
  'middle,right',
  'bottom,left',
  'bottom,center',
  'bottom,right',
] as const;
export type Place = (typeof PLACES)[number];

interface Parameter<Value> extends ValueKind<Value> {
  readonly group: 'geometry' | 'output' | 'adjustment' | 'overlay';
  /** What it does, for the reference. */
  readonly about: string;
  /** What holds when it is left out, for the reference. */
  readonly otherwise?: string;
}

const geometry = <Value>(kind: ValueKind<Value>, about: string, otherwise?: string): Parameter<Value> => ({
  ...kind,
  group: 'geometry',
  about,
  ...(otherwise !== undefined && { otherwise }),
});
const output = <Value>(kind: ValueKind<Value>, about: string, otherwise?: string): Parameter<Value> => ({
  ...geometry(kind, about, otherwise),
  group: 'output',
});
const adjustment = <Value>(kind: ValueKind<Value>, about: string): Parameter<Value> => ({
  ...geometry(kind, about, 'unchanged'),
  group: 'adjustment',
});
const overlay = <Value>(kind: ValueKind<Value>, about: string, otherwise?: string): Parameter<Value> => ({
  ...geometry(kind, about, otherwise),
  group: 'overlay',
});

/** The grammar: each parameter, how its value is read and written, and what it does. The order is the reference's. */
export const PARAMETERS = {
  w: geometry(whole(1, SIDE_MAX, 'pixels'), 'Width of the box.', "the picture's, or by `h` in proportion"),
  h: geometry(whole(1, SIDE_MAX, 'pixels'), 'Height of the box.', "the picture's, or by `w` in proportion"),
  fit: geometry(
    oneOf(FITS),
    'How the picture meets the box. `max` and `clip`: inside it, never enlarged. `crop`: covers it and is cut to its proportions, never enlarged. `min`: as `crop`, but enlarged where it is smaller. `fill`: inside it, enlarged if need be, and filled up with `bg` to exactly the box; `fillmax`: the same without enlarging. `scale`: stretched to exactly the box.',
    '`max`',
  ),
  crop: geometry(crop, 'What `fit=crop` and `fit=min` keep.', 'the middle'),
  'fp-x': geometry(
    decimal(0, 1),
    'The point that `crop=focalpoint` keeps, as a share of the width from the left.',
    '0.5',
  ),
  'fp-y': geometry(decimal(0, 1), 'The same, as a share of the height from the top.', '0.5'),
  ar: geometry(ratio, 'Proportions of the box for `fit=crop` and `fit=min` where a side of it is not given.', 'none'),
  dpr: geometry(decimal(1, 5), 'Multiplies `w`, `h`, `pad`, `border-radius` and sizes of overlays.', '1'),
  rect: geometry(rect, 'The area of the source to begin with; cut to what lies inside of it.', 'all of it'),
  orient: geometry(
    whole(1, 8),
    'An EXIF orientation to use instead of the one that the source tells; 1 leaves it as stored.',
    "the source's",
  ),
  trim: geometry(oneOf(['auto']), 'Cuts off a border of one colour, that of the upper left pixel.', 'no trimming'),
  'trim-tol': geometry(whole(1, 255), 'How far from that colour still counts as border.', '10'),
  flip: geometry(oneOf(['h', 'v', 'hv']), 'Mirrors: left and right, upside down, or both.', 'as it is'),
  rot: geometry(whole(0, 359, 'degrees'), 'Turns clockwise; corners that come free show `bg`.', '0'),
  pad: geometry(whole(0, PAD_MAX, 'pixels'), 'Puts a margin of `bg` around.', '0'),
  bg: geometry(
    colour,
    'Colour behind the picture, where it is transparent too.',
    'transparent, or white where the format has no transparency',
  ),
  'border-radius': geometry(
    wordOr('max', whole(1, SIDE_MAX, 'pixels')),
    'Rounds the corners; `max` makes a circle of a square.',
    'square corners',
  ),
  page: geometry(
    whole(1, 1_000),
    'Which frame or page of the source, as a still picture.',
    'all frames where the format shows them, else the first',
  ),
  fm: output(
    oneOf(OUTPUT_FORMATS),
    'Format.',
    "the source's where a browser shows it, else `jpg`, or `png` by transparency",
  ),
  q: output(
    wordOr('auto', whole(1, 100)),
    'Quality of `jpg`, `webp` and `avif`; `auto` finds the lowest that still looks like the source at that size.',
    '80; 67 for `avif`',
  ),
  lossless: output(
    flag,
    'Every pixel as it is, for `webp` and `avif`; of the others each is one or the other by itself.',
    'lossy',
  ),
  chromasub: output(
    oneOf(['420', '444']),
    'Resolution of colour against brightness, for `jpg` and `avif`: a quarter, or the same.',
    '420',
  ),
  icc: output(oneOf(['srgb', 'p3']), 'Colour space: `p3` keeps a wide gamut, with its profile.', '`srgb`'),
  meta: output(
    oneOf(['none', 'copyright']),
    "What is kept of the source's metadata: nothing, or who made it and whose it is.",
    '`none`',
  ),
  bri: adjustment(signed(100), 'Brightness.'),
  con: adjustment(signed(100), 'Contrast.'),
  gam: adjustment(signed(100), 'Gamma: brightens or darkens the middle.'),
  sat: adjustment(signed(100), 'Saturation; -100 is grey.'),
  hue: adjustment(whole(0, 359, 'degrees'), 'Turns the colours.'),
  invert: adjustment(flag, 'Makes a negative.'),
  sepia: adjustment(whole(0, 100), 'Tones brown, by that much.'),
  monochrome: adjustment(colour, 'Tones with one colour; its opacity says how much.'),
  blur: adjustment(whole(0, 200), 'Gaussian blur; its sigma is half of this, in pixels of the output.'),
  sharp: adjustment(whole(0, 100), 'Sharpens.'),
  mark: overlay(imageId, 'Another image, laid over this one.', 'none'),
  'mark-align': overlay(oneOf(PLACES), 'Where.', '`bottom,right`'),
  'mark-scale': overlay(whole(1, 100, 'percent'), 'Its width, as a share of the width underneath.', '25'),
  'mark-pad': overlay(whole(0, PAD_MAX, 'pixels'), 'Its distance from the edge.', '10'),
  'mark-alpha': overlay(whole(1, 100, 'percent'), 'Its opacity.', '100'),
  txt: overlay(line(256), 'A line of text, laid over the picture; wrapped where it is too long.', 'none'),
  'txt-align': overlay(oneOf(PLACES), 'Where.', '`bottom,right`'),
  'txt-size': overlay(whole(4, TEXT_SIZE_MAX, 'pixels'), 'Height of the letters.', '24'),
  'txt-color': overlay(colour, 'Their colour.', '`000000`'),
  'txt-pad': overlay(whole(0, PAD_MAX, 'pixels'), 'Distance from the edge.', '10'),
} as const satisfies Record<string, unknown>;

export type ParameterName = keyof typeof PARAMETERS;

type ValueOf<Kind> = Kind extends ValueKind<infer Value> ? Value : never;

/** What to do to an original. */
export type Transformation = { readonly [Name in ParameterName]?: ValueOf<(typeof PARAMETERS)[Name]> };

export function isParameterName(name: string): name is ParameterName {
  return Object.hasOwn(PARAMETERS, name);
}
