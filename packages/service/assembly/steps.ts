import { extended, FAST, FAST_BITS, lengthOf, lookUp, OF_DIFFERENCES, OF_STEPS, SKIP, SKIP_BITS, willHave } from './huffman';

/**
 * What the blocks of a baseline scan are read by. A step is one code with its value; a skip is as many steps as the bits
 * that are looked up hold, without the values. Both say how far they go in zigzag order: an end of block goes so far that
 * it cannot be mistaken for anything else, and needs no question of its own.
 */

/** The furthest that a step can go within a block is 63. */
export const END: u32 = 192;
/** What a skip answers when no step is whole in its bits. */
const NOWHERE: u32 = 128;

/** Of a symbol: a run of 16 zeros. */
const ZEROS: u32 = 0xf0;
/** Bits of the largest values of pictures of 8 bits; a code has at most 16. */
const VALUE_BITS_MAX: u32 = 10;
const DIFFERENCE_BITS_MAX: u32 = 11;

/** Makes what {@link stepAt} looks up: length and value are where other entries have them, bits 6 to 13 how far. */
export function makeDifferences(table: usize): void {
  if (!willHave(table, OF_DIFFERENCES)) return;
  for (let bits: u32 = 0; bits < 1 << FAST_BITS; bits++) {
    store<u32>(table + FAST + (<usize>bits << 2), differenceOf(table, bits << (32 - FAST_BITS), FAST_BITS));
  }
}

/** Makes what {@link stepAt} and {@link skipAt} look up; of a skip, bits 0 to 4 are how many bits, 5 to 12 how far. */
export function makeSteps(table: usize): void {
  if (!willHave(table, OF_STEPS)) return;
  for (let bits: u32 = 0; bits < 1 << FAST_BITS; bits++) {
    store<u32>(table + FAST + (<usize>bits << 2), stepOf(table, bits << (32 - FAST_BITS), FAST_BITS));
  }
  for (let bits: u32 = 0; bits < 1 << SKIP_BITS; bits++) {
    store<u16>(table + SKIP + (<usize>bits << 1), <u16>skipOf(table, bits << (32 - SKIP_BITS)));
  }
}

/** Whether the table has no step for what `bits` begin with, and {@link stepAt} needs 26 of them. */
@inline
export function isLong(table: usize, bits: u64): bool {
  return fastAt(table, bits) == 0;
}

/** The step that `bits` begin with, from the top; 0 when there is none. */
@inline
export function stepAt(table: usize, bits: u64): u32 {
  const step = fastAt(table, bits);
  return step != 0 ? step : longStep(table, bits);
}

/** The difference of means that `bits` begin with; 0 when there is none. */
@inline
export function differenceAt(table: usize, bits: u64): u32 {
  const step = fastAt(table, bits);
  return step != 0 ? step : longDifference(table, bits);
}

@inline
function fastAt(table: usize, bits: u64): u32 {
  return load<u32>(table + FAST + (<usize>(bits >> (64 - FAST_BITS)) << 2));
}

function longStep(table: usize, bits: u64): u32 {
  return stepOf(table, <u32>(bits >> 32), 32);
}

function longDifference(table: usize, bits: u64): u32 {
  return differenceOf(table, <u32>(bits >> 32), 32);
}

@inline
export function skipAt(table: usize, bits: u64): u32 {
  return load<u16>(table + SKIP + (<usize>(bits >> (64 - SKIP_BITS)) << 1));
}

@inline
export function bitsOfSkip(skip: u32): u32 {
  return skip & 31;
}

@inline
export function wayOfSkip(skip: u32): u32 {
  return skip >> 5;
}

@inline
export function wayOf(step: u32): u32 {
  return (step >> 6) & 255;
}

/** @param top the code's and its value's bits, from the top of 32, of which `known` are so */
function stepOf(table: usize, top: u32, known: u32): u32 {
  const found = lookUp(table, top >> 16);
  const symbol = found & 255;
  const size = symbol & 15;
  if (size > VALUE_BITS_MAX || (size == 0 && symbol != 0 && symbol != ZEROS)) return 0;
  return withValue(found, size, symbol == 0 ? END : (symbol >> 4) + 1, top, known);
}

/** A difference of DC coefficients, which has no run. */
function differenceOf(table: usize, top: u32, known: u32): u32 {
  const found = lookUp(table, top >> 16);
  const size = found & 255;
  return size > DIFFERENCE_BITS_MAX ? 0 : withValue(found, size, 0, top, known);
}

function withValue(found: u32, size: u32, way: u32, top: u32, known: u32): u32 {
  const length = found >> 8;
  if (found == 0 || length + size > known) return 0;
  const value = size == 0 ? 0 : extended((top << length) >> (32 - size), size);
  return (<u32>value << 16) | (way << 6) | (length + size);
}

/** As many whole steps as these bits hold, up to the end of a block. */
function skipOf(table: usize, top: u32): u32 {
  let used: u32 = 0;
  let way: u32 = 0;
  while (used < SKIP_BITS && way < END) {
    const rest = top << used;
    let step = fastAt(table, <u64>rest << 32);
    if (step == 0) step = stepOf(table, rest, SKIP_BITS - used);
    if (step == 0 || used + lengthOf(step) > SKIP_BITS || (wayOf(step) != END && way + wayOf(step) > 63)) break;
    way += wayOf(step);
    used += lengthOf(step);
  }
  return ((used == 0 ? NOWHERE : way) << 5) | used;
}
