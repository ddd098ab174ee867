/**
 * Huffman tables. The library looks up one code at a time and keeps its value; here a second table tells of several
 * codes at once how many bits and coefficients they are, since most coefficients of a picture that becomes smaller are
 * only to be stepped over.
 */
const FAST_BITS: u32 = 10;
const SKIP_BITS: u32 = 12;

/** By length of code, from 1: one more than the largest code, as the first of 16 bits; what makes an index of a code. */
const LIMITS: usize = 0;
const DELTAS: usize = 128;
const SYMBOLS: usize = 256;
const FAST: usize = 512;
const SKIP: usize = FAST + (4 << FAST_BITS);
const TABLE_BYTES: usize = SKIP + (2 << SKIP_BITS);
const SLOTS: usize = memory.data(8 * (512 + 4096 + 8192), 16);

/** An entry with a value: bits 0 to 5 are how many bits it is long, 6 to 9 the run before it, 16 to 31 the value, signed. */
export const HAS_VALUE: u32 = 1 << 10;
/** An entry without one: bits 16 to 23 are the symbol. */
const HAS_SYMBOL: u32 = 1 << 11;
/** A code whose value does not fit into the fast table: length and symbol as without a value, or 0 where the code does not. */
const IS_LONG: u32 = 1 << 12;

/** Of a skip: bits 0 to 4 are bits, 5 to 11 coefficients. */
export const ENDS_BLOCK: u32 = 1 << 12;

/** @param slot 0 to 3 for DC, 4 to 7 for AC */
@inline
export function huffmanTable(slot: u32): usize {
  return SLOTS + <usize>slot * TABLE_BYTES;
}

/**
 * @param skips whether there will be coefficients to step over
 * @returns whether the counts and symbols at `from` make a table
 */
export function buildTable(slot: u32, from: usize, skips: bool): bool {
  const table = huffmanTable(slot);
  let code: u32 = 0;
  let index: u32 = 0;
  for (let length: u32 = 1; length <= 16; length++) {
    const at = table + (<usize>length << 2);
    store<i32>(at + DELTAS, <i32>index - <i32>code);
    const count = <u32>load<u8>(from + length - 1);
    code += count;
    index += count;
    // The code of ones alone is not to be used, and there are 256 symbols.
    if (code > (1 << length) - 1 && count > 0) return false;
    if (index > 256) return false;
    store<u32>(at + LIMITS, code << (16 - length));
    code <<= 1;
  }
  memory.copy(table + SYMBOLS, from + 16, index);
  for (let bits: u32 = 0; bits < 1 << FAST_BITS; bits++) {
    store<u32>(table + FAST + (<usize>bits << 2), fastEntry(table, bits));
  }
  if (!skips) return true;
  for (let bits: u32 = 0; bits < 1 << SKIP_BITS; bits++) {
    store<u16>(table + SKIP + (<usize>bits << 1), <u16>skipEntry(table, bits));
  }
  return true;
}

/** Length and symbol of the code that these 16 bits begin with: length << 8 | symbol; 0 when there is none. */
function lookUp(table: usize, top: u32): u32 {
  for (let length: u32 = 1; length <= 16; length++) {
    const at = table + (<usize>length << 2);
    if (top >= load<u32>(at + LIMITS)) continue;
    const index = <i32>(top >> (16 - length)) + load<i32>(at + DELTAS);
    return (length << 8) | load<u8>(table + SYMBOLS + <usize>index);
  }
  return 0;
}

function fastEntry(table: usize, bits: u32): u32 {
  const found = lookUp(table, bits << (16 - FAST_BITS));
  const length = found >> 8;
  if (found == 0 || length > FAST_BITS) return IS_LONG;
  return entryOf(found, bits << (32 - FAST_BITS), FAST_BITS);
}

/** @param top the code's and its value's bits, from the top of 32 */
function entryOf(found: u32, top: u32, known: u32): u32 {
  const length = found >> 8;
  const symbol = found & 255;
  const size = symbol & 15;
  if (size == 0) return (symbol << 16) | HAS_SYMBOL | length;
  if (length + size > known) return (symbol << 16) | IS_LONG | length;
  const value = extended((top << length) >> (32 - size), size);
  return (<u32>value << 16) | HAS_VALUE | ((symbol >> 4) << 6) | (length + size);
}

/** As JPEG writes signed numbers: below half of what `size` bits hold they are negative. */
@inline
export function extended(raw: u32, size: u32): i32 {
  return <i32>raw < 1 << (size - 1) ? <i32>raw - <i32>(1 << size) + 1 : <i32>raw;
}

/** As many whole codes with their values as these bits hold, up to the end of a block. */
function skipEntry(table: usize, bits: u32): u32 {
  let used: u32 = 0;
  let coefficients: u32 = 0;
  while (used < SKIP_BITS) {
    const found = lookUp(table, ((bits << used) & ((1 << SKIP_BITS) - 1)) << (16 - SKIP_BITS));
    const length = found >> 8;
    const size = found & 15;
    const run = (found & 255) >> 4;
    if (found == 0 || used + length + size > SKIP_BITS || coefficients + run + 1 > 63) break;
    if (size == 0 && run == 0) return ENDS_BLOCK | (coefficients << 5) | (used + length);
    if (size == 0 && run < 15) break;
    used += length + size;
    coefficients += run + 1;
  }
  return (coefficients << 5) | used;
}

/**
 * The entry for what `bits` begin with, from the top.
 * @returns 0 when no code is like that
 */
@inline
export function entryAt(table: usize, bits: u64): u32 {
  const entry = load<u32>(table + FAST + (<usize>(bits >> (64 - FAST_BITS)) << 2));
  return (entry & IS_LONG) == 0 ? entry : longEntry(table, bits, entry);
}

function longEntry(table: usize, bits: u64, entry: u32): u32 {
  const found = entry == IS_LONG ? lookUp(table, <u32>(bits >> 48)) : (lengthOf(entry) << 8) | symbolOf(entry);
  if (found == 0) return 0;
  return entryOf(found, <u32>(bits >> 32), 32);
}

/** What can be stepped over at once: 0 when nothing. */
@inline
export function skipAt(table: usize, bits: u64): u32 {
  return load<u16>(table + SKIP + (<usize>(bits >> (64 - SKIP_BITS)) << 1));
}

@inline
export function lengthOf(entry: u32): u32 {
  return entry & 63;
}

@inline
export function runOf(entry: u32): u32 {
  return (entry >> 6) & 15;
}

@inline
export function valueOf(entry: u32): i32 {
  return <i32>entry >> 16;
}

/** Of an entry without a value. */
@inline
export function symbolOf(entry: u32): u32 {
  return entry >> 16;
}

/** A difference of DC coefficients. */
@inline
export function isDifference(entry: u32): bool {
  // No run, and at most 11 bits.
  return (entry & HAS_VALUE) != 0 ? runOf(entry) == 0 && abs(valueOf(entry)) < 2048 : symbolOf(entry) == 0 && entry != 0;
}
