import { ENDS_BLOCK, entryAt, HAS_VALUE, isDifference, lengthOf, runOf, skipAt, symbolOf, valueOf } from './huffman';
import { block, Component, PLACES, quantum, Unit, unitAt } from './layout';
import { mcusAcross, mcusDown, resetPredictions, units, writeRow } from './picture';
import { available, BITS_AT_ONCE, bitsAt, endOfScan, moveTo, openScan, position, restart } from './stream';
import { planeStride, writeBlock, writeFlat } from './transform';

/**
 * The one scan of a baseline picture. Each block is transformed as soon as it is read; coefficients that its samples are
 * not made of are stepped over, several at once.
 */

/** A position that no scan has. */
const FAULT: u32 = 0xffffffff;

/**
 * @param interval MCUs between restart markers; 0 without
 * @returns where the next marker is; 0 when anything is out of the ordinary
 */
export function readBaseline(from: usize, interval: u32): usize {
  if (!openScan(from)) return 0;
  resetPredictions();
  let left = interval;
  let restarts: u32 = 0;
  for (let row: u32 = 0; row < mcusDown; row++) {
    for (let column: u32 = 0; column < mcusAcross; column++) {
      if (interval != 0) {
        if (left == 0) {
          if (!restart(restarts++)) return 0;
          resetPredictions();
          left = interval;
        }
        left--;
      }
      if (!readMcu(column)) return 0;
    }
    writeRow(row);
  }
  return endOfScan();
}

function readMcu(column: u32): bool {
  let at = position;
  for (let index: u32 = 0; index < units; index++) {
    at = readBlock(unitAt(index), column, at);
    if (at > available) return false;
  }
  moveTo(at);
  return true;
}

/** @returns the position after it, or {@link FAULT} */
@inline
function readBlock(unit: Unit, column: u32, from: u32): u32 {
  const component = unit.component;
  const bits = bitsAt(from);
  const entry = entryAt(component.dc, bits);
  if (!isDifference(entry)) return FAULT;
  component.prediction += (entry & HAS_VALUE) != 0 ? valueOf(entry) : 0;
  const used = lengthOf(entry);
  clear(component.last);
  store<i32>(block, component.prediction * quantum(component.quantisation, 0));
  const to =
    component.plane +
    <usize>(unit.y * component.down) * planeStride +
    <usize>(column * component.h + unit.x) * component.across;
  return readCoefficients(component, from + used, bits << used, BITS_AT_ONCE - <i32>used, to);
}

@inline
function clear(last: u32): void {
  const zero = i64x2.splat(0);
  v128.store(block, zero);
  v128.store(block, zero, 32);
  if (last <= 4) return;
  v128.store(block, zero, 64);
  v128.store(block, zero, 96);
  if (last > 24) memory.fill(block, 0, 256);
}

/** Those that are needed, one by one; then the samples, and the rest. */
@inline
function readCoefficients(component: Component, from: u32, first: u64, there: i32, to: usize): u32 {
  const table = component.ac;
  const last = component.last;
  let at = from;
  let bits = first;
  let have = there;
  let isFlat = true;
  let ended = false;
  let k: u32 = 1;
  while (k <= last) {
    if (have < 32) {
      bits = bitsAt(at);
      have = BITS_AT_ONCE;
    }
    const entry = entryAt(table, bits);
    const length = lengthOf(entry);
    bits <<= length;
    have -= length;
    at += length;
    if ((entry & HAS_VALUE) == 0) {
      if (entry == 0 || (symbolOf(entry) != 0 && symbolOf(entry) != 0xf0)) return FAULT;
      ended = symbolOf(entry) == 0;
      if (ended) break;
      k += 16;
      continue;
    }
    k += runOf(entry);
    if (k > 63) return FAULT;
    if (k <= last) {
      const place = <usize>load<u8>(PLACES + k) << 2;
      store<i32>(block + place, valueOf(entry) * quantum(component.quantisation, k));
      isFlat = false;
    }
    k++;
  }
  if (isFlat) writeFlat(to, component.across, component.down);
  else writeBlock(to, component.across, component.down);
  return ended ? at : stepOver(table, k, at, bits, have);
}

/** The rest of a block. @returns the position after it, or {@link FAULT} */
@inline
function stepOver(table: usize, first: u32, from: u32, window: u64, there: i32): u32 {
  let k = first;
  let at = from;
  let bits = window;
  let have = there;
  while (k < 64) {
    if (have < 32) {
      bits = bitsAt(at);
      have = BITS_AT_ONCE;
    }
    const skip = skipAt(table, bits);
    const after = k + ((skip >> 5) & 127);
    // What follows the last coefficient is another block's, and an end is one code more.
    if (skip != 0 && after <= 64 - skip / ENDS_BLOCK) {
      const length = skip & 31;
      bits <<= length;
      have -= length;
      at += length;
      k = after;
      if (skip >= ENDS_BLOCK) return at;
      continue;
    }
    const entry = entryAt(table, bits);
    const length = lengthOf(entry);
    bits <<= length;
    have -= length;
    at += length;
    const hasValue = (entry & HAS_VALUE) != 0;
    if (!hasValue && symbolOf(entry) == 0 && entry != 0) return at;
    if (!hasValue && symbolOf(entry) != 0xf0) return FAULT;
    k += hasValue ? runOf(entry) + 1 : 16;
  }
  return k == 64 ? at : FAULT;
}
