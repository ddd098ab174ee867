/**
 * Huffman tables. A code with its value is one entry of a table, looked up by the bits that come. What entries look like
 * depends on who reads: those of a progressive picture are here, those of a baseline one in steps.ts.
 */
export const FAST_BITS: u32 = 10;
export const SKIP_BITS: u32 = 13;

/** Which entries the table has. */
const ENTRIES: usize = 0;
const NONE: u32 = 0;
const OF_PROGRESSIVE: u32 = 1;
export const OF_DIFFERENCES: u32 = 2;
export const OF_STEPS: u32 = 3;
/** By length of code, from 1: one more than the largest code, as the first of 16 bits; what makes an index of a code. */
const LIMITS: usize = 0;
const DELTAS: usize = 128;
const SYMBOLS: usize = 256;
export const FAST: usize = 512;
export const SKIP: usize = FAST + (4 << FAST_BITS);
const TABLE_BYTES: usize = SKIP + (2 << SKIP_BITS);
const SLOTS: usize = memory.data(8 * (512 + 4096 + 16384), 16);

/** An entry with a value: bits 0 to 5 are how many bits it is long, 6 to 9 the run before it, 16 to 31 the value, signed. */
export const HAS_VALUE: u32 = 1 << 10;
/** An entry without one: bits 16 to 23 are the symbol. */
const HAS_SYMBOL: u32 = 1 << 11;
/** A code whose value does not fit into the fast table: length and symbol as without a value, or 0 where the code does not. */
const IS_LONG: u32 = 1 << 12;

/** @param slot 0 to 3 for DC, 4 to 7 for AC */
@inline
export function huffmanTable(slot: u32): usize {
  return SLOTS + <usize>slot * TABLE_BYTES;
}

/** @returns whether the counts and symbols at `from` make a table */
export function readTable(slot: u32, from: usize): bool {
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
  store<u32>(table + ENTRIES, NONE);
  return true;
}

/**
 * Takes down that a table gets entries of this kind; the same table may serve many scans.
 * @returns whether it has them not yet
 */
export function willHave(table: usize, entries: u32): bool {
  if (load<u32>(table + ENTRIES) == entries) return false;
  store<u32>(table + ENTRIES, entries);
  return true;
}

/** Makes what {@link entryAt} looks up. */
export function makeEntries(table: usize): void {
  if (!willHave(table, OF_PROGRESSIVE)) return;
  for (let bits: u32 = 0; bits < 1 << FAST_BITS; bits++) {
    store<u32>(table + FAST + (<usize>bits << 2), fastEntry(table, bits));
  }
}

/** Length and symbol of the code that these 16 bits begin with: length << 8 | symbol; 0 when there is none. */
export function lookUp(table: usize, top: u32): u32 {
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
