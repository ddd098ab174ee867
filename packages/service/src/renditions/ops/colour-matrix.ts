import type { Transformation } from '@safelight/contract';
import { parseColour } from './parse-colour.ts';

/**
 * All adjustments of single pixels as one table and one affine map. In the order: brightness and contrast, gamma
 * (the table), saturation, hue, negative, sepia, one colour (the map). Matrices are those of the W3C's Filter Effects
 * (sections 9.5 and 13). Rounded once, at the end.
 */
export interface Adjustment {
  /** What becomes of each level of red, green and blue: 256 of them. */
  readonly table: Float64Array | undefined;
  /** Three rows of four: shares of red, green, blue, and a level that is added. */
  readonly matrix: Matrix | undefined;
}

type Row = readonly [number, number, number, number];
type Matrix = readonly [Row, Row, Row];

const LEVEL_MAX = 255;

export function adjustmentOf(transformation: Transformation): Adjustment {
  return { table: tableOf(transformation), matrix: matrixOf(transformation) };
}

function tableOf({ bri = 0, con = 0, gam = 0 }: Transformation): Float64Array | undefined {
  if (bri === 0 && con === 0 && gam === 0) return undefined;
  const slope = 1 + con / 100;
  // 100 is a gamma of 3, -100 of a third.
  const exponent = 3 ** (-gam / 100);
  return Float64Array.from({ length: LEVEL_MAX + 1 }, (_, level) => {
    const bright = level + (bri / 100) * LEVEL_MAX;
    const contrasted = (bright - LEVEL_MAX / 2) * slope + LEVEL_MAX / 2;
    return LEVEL_MAX * clamped(contrasted / LEVEL_MAX) ** exponent;
  });
}

function clamped(share: number): number {
  return Math.min(1, Math.max(0, share));
}

function matrixOf({ sat, hue, invert, sepia, monochrome }: Transformation): Matrix | undefined {
  const steps: Matrix[] = [];
  if (sat !== undefined) steps.push(saturation(1 + sat / 100));
  if (hue !== undefined) steps.push(hueRotation((hue * Math.PI) / 180));
  if (invert) steps.push(NEGATIVE);
  if (sepia !== undefined) steps.push(mixed(SEPIA, sepia / 100));
  if (monochrome !== undefined) steps.push(toned(monochrome));
  return steps.length === 0 ? undefined : steps.reduce((first, then) => product(then, first));
}

/** Shares of brightness of the linear sRGB primaries, as the standard uses them on encoded levels. */
const LUMA = [0.213, 0.715, 0.072] as const;
const NEGATIVE: Matrix = [
  [-1, 0, 0, LEVEL_MAX],
  [0, -1, 0, LEVEL_MAX],
  [0, 0, -1, LEVEL_MAX],
];
const IDENTITY: Matrix = [
  [1, 0, 0, 0],
  [0, 1, 0, 0],
  [0, 0, 1, 0],
];
const SEPIA: Matrix = [
  [0.393, 0.769, 0.189, 0],
  [0.349, 0.686, 0.168, 0],
  [0.272, 0.534, 0.131, 0],
];

function saturation(amount: number): Matrix {
  const grey: Matrix = [
    [...LUMA, 0],
    [...LUMA, 0],
    [...LUMA, 0],
  ];
  return combined(grey, 1 - amount, IDENTITY, amount);
}

function hueRotation(radians: number): Matrix {
  const [r, g, b] = LUMA;
  const [cosine, sine] = [Math.cos(radians), Math.sin(radians)];
  return [
    [r + cosine * (1 - r) - sine * r, g - cosine * g - sine * g, b - cosine * b + sine * (1 - b), 0],
    [r - cosine * r + sine * 0.143, g + cosine * (1 - g) + sine * 0.14, b - cosine * b - sine * 0.283, 0],
    [r - cosine * r - sine * (1 - r), g - cosine * g + sine * g, b + cosine * (1 - b) + sine * b, 0],
  ];
}

function mixed(matrix: Matrix, share: number): Matrix {
  return combined(matrix, share, IDENTITY, 1 - share);
}

/** Black stays black, white becomes the colour; its opacity says how much of the picture's own colours goes. */
function toned(aarrggbb: string): Matrix {
  const { r, g, b, alpha } = parseColour(aarrggbb);
  const row = (level: number): Row => {
    const share = level / LEVEL_MAX;
    return [LUMA[0] * share, LUMA[1] * share, LUMA[2] * share, 0];
  };
  return mixed([row(r), row(g), row(b)], alpha);
}

function combined(a: Matrix, shareOfA: number, b: Matrix, shareOfB: number): Matrix {
  const row = (left: Row, right: Row): Row => [
    left[0] * shareOfA + right[0] * shareOfB,
    left[1] * shareOfA + right[1] * shareOfB,
    left[2] * shareOfA + right[2] * shareOfB,
    left[3] * shareOfA + right[3] * shareOfB,
  ];
  return [row(a[0], b[0]), row(a[1], b[1]), row(a[2], b[2])];
}

/** `first`, and then `then`. */
function product(then: Matrix, first: Matrix): Matrix {
  const [a, b, c] = first;
  const row = ([x, y, z, added]: Row): Row => [
    x * a[0] + y * b[0] + z * c[0],
    x * a[1] + y * b[1] + z * c[1],
    x * a[2] + y * b[2] + z * c[2],
    x * a[3] + y * b[3] + z * c[3] + added,
  ];
  return [row(then[0]), row(then[1]), row(then[2])];
}

/** Changes pixels of 1, 3 or 4 channels where they lie; an alpha channel stays as it is. */
export function applyAdjustment(data: Uint8Array, channels: number, { table, matrix }: Adjustment): void {
  const levels = new Uint8ClampedArray(data.buffer, data.byteOffset, data.length);
  if (!matrix) applyTable(levels, channels, table ?? LINEAR);
  else if (channels >= 3) applyMatrix(levels, channels, table ?? LINEAR, matrix);
  else applyTable(levels, channels, greyTable(table ?? LINEAR, matrix));
}

const LINEAR = Float64Array.from({ length: LEVEL_MAX + 1 }, (_, level) => level);

/** Of grey, every map that does not colour it is a table. */
function greyTable(table: Float64Array, [row]: Matrix): Float64Array {
  return table.map((level) => level * (row[0] + row[1] + row[2]) + row[3]);
}

function applyTable(levels: Uint8ClampedArray, channels: number, table: Float64Array): void {
  const rounded = Uint8ClampedArray.from(table);
  const coloured = channels === 4 ? 3 : channels;
  for (let at = 0; at < levels.length; at += channels) {
    for (let channel = at; channel < at + coloured; channel += 1) levels[channel] = rounded[levels[channel] ?? 0] ?? 0;
  }
}

function applyMatrix(levels: Uint8ClampedArray, channels: number, table: Float64Array, matrix: Matrix): void {
  const [[rr, rg, rb, r0], [gr, gg, gb, g0], [br, bg, bb, b0]] = matrix;
  for (let at = 0; at < levels.length; at += channels) {
    const r = table[levels[at] ?? 0] ?? 0;
    const g = table[levels[at + 1] ?? 0] ?? 0;
    const b = table[levels[at + 2] ?? 0] ?? 0;
    levels[at] = rr * r + rg * g + rb * b + r0;
    levels[at + 1] = gr * r + gg * g + gb * b + g0;
    levels[at + 2] = br * r + bg * g + bb * b + b0;
  }
}
