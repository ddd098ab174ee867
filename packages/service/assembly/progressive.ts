import { entryAt, HAS_VALUE, isDifference, lengthOf, makeEntries, runOf, symbolOf, valueOf } from './huffman';
import { block, Component, componentAt, PLACES, quantum, unitAt } from './layout';
import { components, mcusAcross, mcusDown, resetPredictions, units, writeRow } from './picture';
import { available, BITS_AT_ONCE, bitsAt, endOfScan, moveTo, openScan, passScan, position, restart } from './stream';
import { planeStride, writeBlock, writeFlat } from './transform';

/**
 * The scans of a progressive picture. Of each block it is remembered which coefficients are something, which later scans
 * must know to be read at all, and the values of those alone that the samples are made of.
 */

/** A position that no scan has. */
const FAULT: u32 = 0xffffffff;

/** Of the scan: its band of coefficients, the bit that it begins or adds, and restarts. */
let bandStart: u32 = 0;
let bandEnd: u32 = 0;
let bit: u32 = 0;
let interval: u32 = 0;
/** MCUs, or blocks of the one component, until the next restart marker. */
let left: u32 = 0;
let restarts: u32 = 0;
/** Blocks, from here on, whose band has come to its end. */
let ended: u32 = 0;

/** @returns where the next marker is; 0 when anything is out of the ordinary */
export function readProgressive(
  from: usize,
  mcus: u32,
  index: u32,
  start: u32,
  end: u32,
  high: u32,
  low: u32,
): usize {
  if (start > 0 && componentAt(index).last == 0) return passScan(from);
  if (!openScan(from)) return 0;
  for (let one: u32 = 0; one < components; one++) {
    if (index < components && one != index) continue;
    makeEntries(start > 0 ? componentAt(one).ac : componentAt(one).dc);
  }
  bandStart = start;
  bandEnd = end;
  bit = low;
  interval = mcus;
  left = mcus;
  restarts = 0;
  ended = 0;
  resetPredictions();
  const isRead =
    start > 0 ? readBands(componentAt(index), high > 0) : index < components ? readMeans(componentAt(index), high > 0) : readAllMeans(high > 0);
  return isRead && ended == 0 ? endOfScan() : 0;
}

/** Before each MCU of a scan with restart markers. */
function countDown(): bool {
  if (left == 0) {
    if (ended > 0 || !restart(restarts++)) return false;
    resetPredictions();
    left = interval;
  }
  left--;
  return true;
}

/** The DC coefficients of all components. */
function readAllMeans(refines: bool): bool {
  for (let row: u32 = 0; row < mcusDown; row++) {
    for (let column: u32 = 0; column < mcusAcross; column++) {
      if (interval != 0 && !countDown()) return false;
      let at = position;
      for (let index: u32 = 0; index < units; index++) {
        const unit = unitAt(index);
        const owner = unit.component;
        const place = (row * owner.v + unit.y) * owner.stride + column * owner.h + unit.x;
        at = readMean(owner, place, at, refines);
        if (at > available) return false;
      }
      moveTo(at);
    }
  }
  return true;
}

function readMeans(component: Component, refines: bool): bool {
  for (let row: u32 = 0; row < component.rows; row++) {
    for (let column: u32 = 0; column < component.columns; column++) {
      if (interval != 0 && !countDown()) return false;
      const at = readMean(component, row * component.stride + column, position, refines);
      if (at > available) return false;
      moveTo(at);
    }
  }
  return true;
}

@inline
function readMean(component: Component, place: u32, at: u32, refines: bool): u32 {
  const to = component.coefficients + <usize>place * component.coefficientBytes;
  const bits = bitsAt(at);
  if (refines) {
    store<i16>(to, <i16>(<u32>load<i16>(to) | (<u32>(bits >> 63) << bit)));
    return at + 1;
  }
  const entry = entryAt(component.dc, bits);
  if (!isDifference(entry)) return FAULT;
  if ((entry & HAS_VALUE) != 0) component.prediction += valueOf(entry);
  store<i16>(to, <i16>(component.prediction << bit));
  return at + lengthOf(entry);
}

/** A band of AC coefficients of one component. */
function readBands(component: Component, refines: bool): bool {
  let at = position;
  for (let row: u32 = 0; row < component.rows; row++) {
    const first = <usize>row * component.stride;
    let mask = component.masks + (first << 3);
    let values = component.coefficients + first * component.coefficientBytes;
    for (let column: u32 = 0; column < component.columns; column++) {
      if (interval != 0) {
        moveTo(at);
        if (!countDown()) return false;
        at = position;
      }
      if (refines) at = refineBand(component, mask, values, at);
      else if (ended > 0) ended--;
      else at = readBand(component, mask, values, at);
      if (at > available) return false;
      mask += 8;
      values += component.coefficientBytes;
    }
  }
  moveTo(at);
  return true;
}

/** How many blocks a code ends the band of, this one included; the bits that tell follow it. */
@inline
function runOfBlocks(run: u32, bits: u64): u32 {
  return run == 0 ? 1 : (1 << run) + <u32>(bits >> (64 - run));
}

/** The first bits of a band. @returns the position after it, or {@link FAULT} */
@inline
function readBand(component: Component, maskAt: usize, values: usize, from: u32): u32 {
  const table = component.ac;
  const last = component.last;
  let at = from;
  let bits = bitsAt(at);
  let have = BITS_AT_ONCE;
  let mask: u64 = 0;
  let k = bandStart;
  while (k <= bandEnd) {
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
      if (entry == 0 || (symbolOf(entry) & 15) != 0) return FAULT;
      const run = symbolOf(entry) >> 4;
      if (run < 15) {
        ended = runOfBlocks(run, bits) - 1;
        at += run;
        break;
      }
      k += 16;
      continue;
    }
    k += runOf(entry);
    if (k > bandEnd) return FAULT;
    if (k <= last) store<i16>(values + (<usize>k << 1), <i16>(valueOf(entry) << bit));
    mask |= <u64>1 << k;
    k++;
  }
  if (k > bandEnd + 1) return FAULT;
  if (mask != 0) store<u64>(maskAt, load<u64>(maskAt) | mask);
  return at;
}

/** The lowest `count` bits. */
@inline
function lowest(count: u32): u64 {
  return count > 63 ? ~(<u64>0) : (<u64>1 << count) - 1;
}

/** One more bit of a band. @returns the position after it, or {@link FAULT} */
@inline
function refineBand(component: Component, maskAt: usize, values: usize, from: u32): u32 {
  const before = load<u64>(maskAt);
  const end = bandEnd;
  const last = component.last;
  let at = from;
  let k = bandStart;
  if (ended == 0) {
    const table = component.ac;
    let mask = before;
    let bits = bitsAt(at);
    let have = BITS_AT_ONCE;
    while (k <= end) {
      const entry = entryAt(table, bits);
      const length = lengthOf(entry);
      at += length;
      const hasValue = (entry & HAS_VALUE) != 0;
      if (!hasValue) {
        if (entry == 0 || (symbolOf(entry) & 15) != 0) return FAULT;
        const run = symbolOf(entry) >> 4;
        if (run < 15) {
          ended = runOfBlocks(run, bits << length);
          at += run;
          break;
        }
      }
      const place = placeAfter(before, k, hasValue ? runOf(entry) : 15);
      if (place > end) return FAULT;
      const passed = before & lowest(place) & ~lowest(k);
      const used = length + <u32>popcnt(passed);
      at = correct(values, passed, last, at);
      have -= used;
      if (have < 32) {
        bits = bitsAt(at);
        have = BITS_AT_ONCE;
      } else bits <<= used;
      if (hasValue) {
        const value = valueOf(entry);
        if (value != 1 && value != -1) return FAULT;
        mask |= <u64>1 << place;
        if (place <= last) store<i16>(values + (<usize>place << 1), <i16>(value << bit));
      }
      k = place + 1;
    }
    if (mask != before) store<u64>(maskAt, mask);
    if (ended == 0) return at;
  }
  ended--;
  return correct(values, before & lowest(end + 1) & ~lowest(k), last, at);
}

/** The coefficient after so many that were nothing before, from `k` on; 64 when there are not as many. */
@inline
function placeAfter(before: u64, k: u32, run: u32): u32 {
  let zeros = ~before & ~lowest(k);
  // Short runs are the most frequent, and a branch that cannot be foretold costs more than these.
  zeros = run > 0 ? zeros & (zeros - 1) : zeros;
  zeros = run > 1 ? zeros & (zeros - 1) : zeros;
  zeros = run > 2 ? zeros & (zeros - 1) : zeros;
  for (let passed: u32 = 3; passed < run; passed++) zeros &= zeros - 1;
  return <u32>ctz(zeros);
}

/** Reads a bit for each of these coefficients, and adds those of the ones that are kept. @returns the position after */
@inline
function correct(values: usize, which: u64, last: u32, from: u32): u32 {
  let kept = which & lowest(last + 1);
  if (kept != 0) correctKept(values, kept, from);
  return from + <u32>popcnt(which);
}

function correctKept(values: usize, which: u64, from: u32): void {
  let kept = which;
  let at = from;
  let bits = bitsAt(at);
  let have = BITS_AT_ONCE;
  while (kept != 0) {
    if (have == 0) {
      bits = bitsAt(at);
      have = BITS_AT_ONCE;
    }
    const to = values + (<usize>ctz(kept) << 1);
    const value = <i32>load<i16>(to);
    const added = <i32>(<u32>(bits >> 63) << bit);
    store<i16>(to, <i16>(value < 0 ? value - added : value + added));
    kept &= kept - 1;
    bits <<= 1;
    have--;
    at++;
  }
}

export function writeProgressive(): void {
  for (let row: u32 = 0; row < mcusDown; row++) {
    for (let index: u32 = 0; index < components; index++) {
      const component = componentAt(index);
      for (let y: u32 = 0; y < component.v; y++) writeBlocks(component, row * component.v + y, y * component.down);
    }
    writeRow(row);
  }
}

function writeBlocks(component: Component, row: u32, firstSample: u32): void {
  const across = component.across;
  const down = component.down;
  const kept = lowest(component.last + 1);
  const mean = quantum(component.quantisation, 0);
  const first = <usize>row * component.stride;
  let mask = component.masks + (first << 3);
  let values = component.coefficients + first * component.coefficientBytes;
  let to = component.plane + <usize>firstSample * planeStride;
  for (let column: u32 = 0; column < component.stride; column++) {
    const present = load<u64>(mask) & kept;
    if (present == 0) {
      store<i32>(block, <i32>load<i16>(values) * mean);
      writeFlat(to, across, down);
    } else {
      dequantise(component, values, present);
      writeBlock(to, across, down);
    }
    mask += 8;
    values += component.coefficientBytes;
    to += across;
  }
}

@inline
function dequantise(component: Component, values: usize, present: u64): void {
  memory.fill(block, 0, 256);
  store<i32>(block, <i32>load<i16>(values) * quantum(component.quantisation, 0));
  for (let rest = present; rest != 0; rest &= rest - 1) {
    const k = <u32>ctz(rest);
    const place = <usize>load<u8>(PLACES + k) << 2;
    store<i32>(block + place, <i32>load<i16>(values + (<usize>k << 1)) * quantum(component.quantisation, k));
  }
}
