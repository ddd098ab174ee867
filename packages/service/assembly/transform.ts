import { block, componentAt, work } from './layout';

/**
 * From coefficients to samples: the inverse DCT of as many points as samples come out, of the lowest frequencies alone,
 * which is the picture at that size; and from samples to RGB.
 */

/** √2 cos(π/8) and √2 cos(3π/8), with 13 bits after the point. */
const EVEN_1: i32 = 10703;
const EVEN_3: i32 = 4433;
/** √2 cos(kπ/16). */
const ODD_1: i32 = 11363;
const ODD_3: i32 = 9633;
const ODD_5: i32 = 6437;
const ODD_7: i32 = 2260;
const POINT: i32 = 13;
/** Bits that are kept between the two dimensions. */
const SPARE: i32 = 2;

/** Bytes from one row of samples to the next, in all planes. */
export let planeStride: usize = 0;

export function setPlaneStride(bytes: usize): void {
  planeStride = bytes;
}

/** Four of the eight values of a line. */
@inline
function lane(line: usize, from: usize): v128 {
  return v128.load(from + (line << 5));
}

/** Sums of coefficients are eight times a sample, which lies around 128. */
@inline
function sampleOf(sum: i32): u32 {
  return <u32>max(0, min(255, ((sum + 4) >> 3) + 128));
}

/** A block that has one colour: all samples from the DC coefficient. */
export function writeFlat(to: usize, across: u32, down: u32): void {
  const sample = sampleOf(load<i32>(block));
  for (let y: u32 = 0; y < down; y++, to += planeStride) {
    if (across == 2) store<u16>(to, <u16>(sample * 0x0101));
    else if (across == 4) store<u32>(to, sample * 0x01010101);
    else if (across == 8) store<u64>(to, <u64>sample * 0x0101010101010101);
    else store<u8>(to, <u8>sample);
  }
}

export function writeBlock(to: usize, across: u32, down: u32): void {
  if (across == 2 && down == 2) {
    writeTwo(to);
    return;
  }
  if (across == 4 && down == 4) return writeFour(to);
  if (across == 4 && down == 2) return writeFourByTwo(to);
  if (across == 8 && down == 8) return writeEight(to);
  if (across == 8 && down == 4) return writeEightByFour(to);
  writeAny(to, across, down);
}

/** Two by two: their sums and differences, all four at once. */
@inline
export function writeTwo(to: usize): void {
  const first = v128.load64_zero(block);
  const second = v128.load64_zero(block, 32);
  const sums = i32x4.add(first, second);
  const differences = i32x4.sub(first, second);
  const means = i32x4.shuffle(sums, differences, 0, 4, 0, 4);
  const slopes = i32x4.shuffle(sums, differences, 1, 5, 1, 5);
  const signed = i32x4.shuffle(slopes, i32x4.neg(slopes), 0, 1, 6, 7);
  const scaled = i32x4.shr_s(i32x4.add(i32x4.add(means, signed), i32x4.splat(4)), 3);
  const samples = samplesOf(scaled, scaled);
  v128.store16_lane(to, samples, 0);
  v128.store16_lane(to + planeStride, samples, 1);
}

let out0: v128 = i32x4.splat(0);
let out1: v128 = i32x4.splat(0);
let out2: v128 = i32x4.splat(0);
let out3: v128 = i32x4.splat(0);

/** Four points of four lines at once, into `out0` to `out3`. */
@inline
function fourPoints(a: v128, b: v128, c: v128, d: v128, shift: i32): void {
  const round = i32x4.splat(1 << (shift - 1));
  const sum = i32x4.add(i32x4.shl(i32x4.add(a, c), POINT), round);
  const difference = i32x4.add(i32x4.shl(i32x4.sub(a, c), POINT), round);
  const outer = i32x4.add(i32x4.mul(b, i32x4.splat(EVEN_1)), i32x4.mul(d, i32x4.splat(EVEN_3)));
  const inner = i32x4.sub(i32x4.mul(b, i32x4.splat(EVEN_3)), i32x4.mul(d, i32x4.splat(EVEN_1)));
  out0 = i32x4.shr_s(i32x4.add(sum, outer), shift);
  out1 = i32x4.shr_s(i32x4.add(difference, inner), shift);
  out2 = i32x4.shr_s(i32x4.sub(difference, inner), shift);
  out3 = i32x4.shr_s(i32x4.sub(sum, outer), shift);
}

/** Turns `out0` to `out3`, as one matrix. */
@inline
function turn(): void {
  const a = i32x4.shuffle(out0, out1, 0, 4, 1, 5);
  const b = i32x4.shuffle(out0, out1, 2, 6, 3, 7);
  const c = i32x4.shuffle(out2, out3, 0, 4, 1, 5);
  const d = i32x4.shuffle(out2, out3, 2, 6, 3, 7);
  out0 = i64x2.shuffle(a, c, 0, 2);
  out1 = i64x2.shuffle(a, c, 1, 3);
  out2 = i64x2.shuffle(b, d, 0, 2);
  out3 = i64x2.shuffle(b, d, 1, 3);
}

/** Eight sums in two vectors as samples, in the lower half. */
@inline
function samplesOf(first: v128, second: v128): v128 {
  const sums = i16x8.add(i16x8.narrow_i32x4_s(first, second), i16x8.splat(128));
  return i8x16.narrow_i16x8_u(sums, sums);
}

@inline
function storeFour(to: usize, row: usize, samples: v128, lane: u8): void {
  store<i32>(to + row * planeStride, lane == 0 ? i32x4.extract_lane(samples, 0) : i32x4.extract_lane(samples, 1));
}

/** The block is transposed: the first dimension, across, goes over whole vectors, each lane being a row. */
function writeFour(to: usize): void {
  fourPoints(lane(0, block), lane(1, block), lane(2, block), lane(3, block), POINT - SPARE);
  turn();
  writeFourRows(to, out0, out1, out2, out3);
}

function writeFourByTwo(to: usize): void {
  fourPoints(lane(0, block), lane(1, block), lane(2, block), lane(3, block), POINT - SPARE);
  turn();
  const round = i32x4.splat(1 << (SPARE + 2));
  const mean = i32x4.add(out0, round);
  const samples = samplesOf(
    i32x4.shr_s(i32x4.add(mean, out1), SPARE + 3),
    i32x4.shr_s(i32x4.sub(mean, out1), SPARE + 3),
  );
  storeFour(to, 0, samples, 0);
  storeFour(to, 1, samples, 1);
}

/** The second dimension of four by four, of which each vector is a row. */
@inline
function writeFourRows(to: usize, a: v128, b: v128, c: v128, d: v128): void {
  fourPoints(a, b, c, d, POINT + SPARE + 3);
  const above = samplesOf(out0, out1);
  const below = samplesOf(out2, out3);
  storeFour(to, 0, above, 0);
  storeFour(to, 1, above, 1);
  storeFour(to, 2, below, 0);
  storeFour(to, 3, below, 1);
}

function writeEightByFour(to: usize): void {
  eightPointsOfFour(block, block, POINT - SPARE);
  turnFour(block, work);
  turnFour(block + 128, work + 16);
  writeFourRows(to, lane(0, work), lane(1, work), lane(2, work), lane(3, work));
  writeFourRows(to + 4, lane(0, work + 16), lane(1, work + 16), lane(2, work + 16), lane(3, work + 16));
}

/** Four lines of eight points, all at once. @param from first coefficient of each; 32 bytes on is the next, there and in `to` */
function eightPointsOfFour(from: usize, to: usize, shift: i32): void {
  const round = i32x4.splat(1 << (shift - 1));
  const a = v128.load(from);
  const c = v128.load(from, 64);
  const e = v128.load(from, 128);
  const g = v128.load(from, 192);
  const sum = i32x4.add(i32x4.shl(i32x4.add(a, e), POINT), round);
  const difference = i32x4.add(i32x4.shl(i32x4.sub(a, e), POINT), round);
  const outer = i32x4.add(times(c, EVEN_1), times(g, EVEN_3));
  const inner = i32x4.sub(times(c, EVEN_3), times(g, EVEN_1));
  const b = v128.load(from, 32);
  const d = v128.load(from, 96);
  const f = v128.load(from, 160);
  const h = v128.load(from, 224);
  const odd0 = i32x4.add(i32x4.add(times(b, ODD_1), times(d, ODD_3)), i32x4.add(times(f, ODD_5), times(h, ODD_7)));
  const odd1 = i32x4.sub(i32x4.sub(times(b, ODD_3), times(d, ODD_7)), i32x4.add(times(f, ODD_1), times(h, ODD_5)));
  const odd2 = i32x4.add(i32x4.sub(times(b, ODD_5), times(d, ODD_1)), i32x4.add(times(f, ODD_7), times(h, ODD_3)));
  const odd3 = i32x4.sub(i32x4.sub(times(b, ODD_7), times(d, ODD_5)), i32x4.sub(times(h, ODD_1), times(f, ODD_3)));
  storePair(to, 0, 7, i32x4.add(sum, outer), odd0, shift);
  storePair(to, 1, 6, i32x4.add(difference, inner), odd1, shift);
  storePair(to, 2, 5, i32x4.sub(difference, inner), odd2, shift);
  storePair(to, 3, 4, i32x4.sub(sum, outer), odd3, shift);
}

@inline
function times(value: v128, factor: i32): v128 {
  return i32x4.mul(value, i32x4.splat(factor));
}

@inline
function storePair(to: usize, first: usize, second: usize, even: v128, odd: v128, shift: i32): void {
  v128.store(to + (first << 5), i32x4.shr_s(i32x4.add(even, odd), shift));
  v128.store(to + (second << 5), i32x4.shr_s(i32x4.sub(even, odd), shift));
}

/** Turns four by four of eight by eight. */
function turnFour(from: usize, to: usize): void {
  out0 = lane(0, from);
  out1 = lane(1, from);
  out2 = lane(2, from);
  out3 = lane(3, from);
  turn();
  v128.store(to, out0);
  v128.store(to, out1, 32);
  v128.store(to, out2, 64);
  v128.store(to, out3, 96);
}

function writeEight(to: usize): void {
  eightPointsOfFour(block, block, POINT - SPARE);
  eightPointsOfFour(block + 16, block + 16, POINT - SPARE);
  turnFour(block, work);
  turnFour(block + 16, work + 128);
  turnFour(block + 128, work + 16);
  turnFour(block + 144, work + 144);
  eightPointsOfFour(work, work, POINT + SPARE + 3);
  eightPointsOfFour(work + 16, work + 16, POINT + SPARE + 3);
  for (let row = work; row < work + 256; row += 32, to += planeStride) {
    store<i64>(to, i64x2.extract_lane(samplesOf(v128.load(row), v128.load(row, 16)), 0));
  }
}

function writeAny(to: usize, across: u32, down: u32): void {
  // The block's lines are the picture's columns: `work` takes them with rows as lines again.
  for (let x: u32 = 0; x < across; x++) line(block + (x << 5), 4, down, work + (x << 2), 32, POINT - SPARE);
  for (let y: u32 = 0; y < down; y++, to += planeStride) {
    const row = work + (<usize>y << 5);
    line(row, 4, across, row, 4, POINT + SPARE);
    for (let x: u32 = 0; x < across; x++) store<u8>(to + x, <u8>sampleOf(load<i32>(row + (x << 2))));
  }
}

@inline
function put(to: usize, step: usize, index: usize, value: i32, shift: i32): void {
  store<i32>(to + index * step, (value + (1 << (shift - 1))) >> shift);
}

/** One line of 1, 2, 4 or 8 points; steps are bytes from one value to the next. */
function line(from: usize, step: usize, points: u32, to: usize, toStep: usize, shift: i32): void {
  const a = load<i32>(from) << POINT;
  if (points == 1) return put(to, toStep, 0, a, shift);
  const b = load<i32>(from + step);
  if (points == 2) {
    put(to, toStep, 0, a + (b << POINT), shift);
    put(to, toStep, 1, a - (b << POINT), shift);
    return;
  }
  const c = load<i32>(from + 2 * step);
  const d = load<i32>(from + 3 * step);
  if (points == 4) {
    const outer = b * EVEN_1 + d * EVEN_3;
    const inner = b * EVEN_3 - d * EVEN_1;
    put(to, toStep, 0, a + (c << POINT) + outer, shift);
    put(to, toStep, 1, a - (c << POINT) + inner, shift);
    put(to, toStep, 2, a - (c << POINT) - inner, shift);
    put(to, toStep, 3, a + (c << POINT) - outer, shift);
    return;
  }
  const e = load<i32>(from + 4 * step) << POINT;
  const g = load<i32>(from + 6 * step);
  eightPoints(a + e, a - e, c * EVEN_1 + g * EVEN_3, c * EVEN_3 - g * EVEN_1, b, d, from + 5 * step, 2 * step, to, toStep, shift);
}

/** @param sum of the first and the fifth coefficient; `outer` and `inner` of the third and the seventh; `rest`: where the sixth is */
@inline
function eightPoints(
  sum: i32,
  difference: i32,
  outer: i32,
  inner: i32,
  b: i32,
  d: i32,
  rest: usize,
  restStep: usize,
  to: usize,
  step: usize,
  shift: i32,
): void {
  const f = load<i32>(rest);
  const h = load<i32>(rest + restStep);
  const odd0 = b * ODD_1 + d * ODD_3 + f * ODD_5 + h * ODD_7;
  const odd1 = b * ODD_3 - d * ODD_7 - f * ODD_1 - h * ODD_5;
  const odd2 = b * ODD_5 - d * ODD_1 + f * ODD_7 + h * ODD_3;
  const odd3 = b * ODD_7 - d * ODD_5 + f * ODD_3 - h * ODD_1;
  put(to, step, 0, sum + outer + odd0, shift);
  put(to, step, 7, sum + outer - odd0, shift);
  put(to, step, 1, difference + inner + odd1, shift);
  put(to, step, 6, difference + inner - odd1, shift);
  put(to, step, 2, difference - inner + odd2, shift);
  put(to, step, 5, difference - inner - odd2, shift);
  put(to, step, 3, sum - outer + odd3, shift);
  put(to, step, 4, sum - outer - odd3, shift);
}

/** 1.402, 1.772 and green's 0.344136 and 0.714136 as JFIF has them; what is above 1 is added whole. */
const RED_CR: i16 = 13173;
const BLUE_CB: i16 = -7471;
const GREEN_CB: i16 = 11277;
const GREEN_CR: i16 = 23401;

@inline
function scaled(value: v128, factor: i16): v128 {
  return i16x8.q15mulr_sat_s(value, i16x8.splat(factor));
}

@inline
function redOf(y: v128, cr: v128): v128 {
  return i16x8.add(i16x8.add(y, cr), scaled(cr, RED_CR));
}

@inline
function blueOf(y: v128, cb: v128): v128 {
  return i16x8.add(i16x8.add(y, i16x8.shl(cb, 1)), scaled(cb, BLUE_CB));
}

@inline
function greenOf(y: v128, cb: v128, cr: v128): v128 {
  // Four times as fine, so that it is rounded once.
  const less = i16x8.add(scaled(i16x8.shl(cb, 2), GREEN_CB), scaled(i16x8.shl(cr, 2), GREEN_CR));
  return i16x8.sub(y, i16x8.shr_s(i16x8.add(less, i16x8.splat(2)), 2));
}

@inline
function lowChroma(samples: v128): v128 {
  return i16x8.sub(i16x8.extend_low_i8x16_u(samples), i16x8.splat(128));
}

@inline
function highChroma(samples: v128): v128 {
  return i16x8.sub(i16x8.extend_high_i8x16_u(samples), i16x8.splat(128));
}

/** One row of samples to RGB, sixteen pixels at a time: up to 45 bytes more than the row has are written. */
export function writeRgb(row: usize, to: usize, width: u32): void {
  const luma = componentAt(0).plane + row;
  const blueDifference = componentAt(1).plane + row;
  const redDifference = componentAt(2).plane + row;
  for (let x: usize = 0; x < width; x += 16, to += 48) {
    const y = v128.load(luma + x);
    const cb = v128.load(blueDifference + x);
    const cr = v128.load(redDifference + x);
    const y0 = i16x8.extend_low_i8x16_u(y);
    const y1 = i16x8.extend_high_i8x16_u(y);
    const red = i8x16.narrow_i16x8_u(redOf(y0, lowChroma(cr)), redOf(y1, highChroma(cr)));
    const green = i8x16.narrow_i16x8_u(
      greenOf(y0, lowChroma(cb), lowChroma(cr)),
      greenOf(y1, highChroma(cb), highChroma(cr)),
    );
    const blue = i8x16.narrow_i16x8_u(blueOf(y0, lowChroma(cb)), blueOf(y1, highChroma(cb)));
    const first = i8x16.shuffle(red, green, 0, 16, 0, 1, 17, 0, 2, 18, 0, 3, 19, 0, 4, 20, 0, 5);
    v128.store(to, i8x16.shuffle(first, blue, 0, 1, 16, 3, 4, 17, 6, 7, 18, 9, 10, 19, 12, 13, 20, 15));
    const second = i8x16.shuffle(red, green, 21, 0, 6, 22, 0, 7, 23, 0, 8, 24, 0, 9, 25, 0, 10, 26);
    v128.store(to, i8x16.shuffle(second, blue, 0, 21, 2, 3, 22, 5, 6, 23, 8, 9, 24, 11, 12, 25, 14, 15), 16);
    const third = i8x16.shuffle(red, green, 0, 11, 27, 0, 12, 28, 0, 13, 29, 0, 14, 30, 0, 15, 31, 0);
    v128.store(to, i8x16.shuffle(third, blue, 26, 1, 2, 27, 4, 5, 28, 7, 8, 29, 10, 11, 30, 13, 14, 31), 32);
  }
}
