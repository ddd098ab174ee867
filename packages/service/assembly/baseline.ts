import { FAST_BITS, lengthOf, valueOf } from './huffman';
import { block, Component, componentAt, quantum, unitAt } from './layout';
import { components, mcusAcross, mcusDown, resetPredictions, units, writeRow } from './picture';
import { available, endOfScan, moveTo, openScan, position, restart, windowAt } from './stream';
import {
  bitsOfSkip,
  differenceAt,
  END,
  isLong,
  makeDifferences,
  makeSteps,
  skipAt,
  stepAt,
  wayOf,
  wayOfSkip,
} from './steps';
import { planeStride, writeBlock, writeFlat, writeTwo } from './transform';

/**
 * The one scan of a baseline picture. Each block is transformed as soon as it is read; coefficients that its samples are
 * not made of are stepped over, several at once.
 */

/** The last coefficient of a block, in zigzag order. */
const LAST: u32 = 63;

/**
 * @param interval MCUs between restart markers; 0 without
 * @returns where the next marker is; 0 when anything is out of the ordinary
 */
export function readBaseline(from: usize, interval: u32): usize {
  if (!openScan(from)) return 0;
  for (let index: u32 = 0; index < components; index++) {
    makeDifferences(componentAt(index).dc);
    makeSteps(componentAt(index).ac);
  }
  resetPredictions();
  let left = interval;
  let restarts: u32 = 0;
  for (let row: u32 = 0; row < mcusDown; row++) {
    for (let column: u32 = 0; column < mcusAcross; ) {
      if (interval != 0 && left == 0) {
        if (!restart(restarts++)) return 0;
        resetPredictions();
        left = interval;
      }
      const end = interval == 0 ? mcusAcross : min(mcusAcross, column + left);
      if (!readMcus(column, end)) return 0;
      left -= end - column;
      column = end;
    }
    writeRow(row);
  }
  return endOfScan();
}

/*
 * The bits that are next stand at the top of `bits`, `have` of them at least; those below are the ones that follow, or
 * nothing. `from` is where the next eight bytes are that are not counted yet. All three live in registers: what reads
 * bits is therefore one function, and adding more is written out wherever they may run short. It takes no branch, and
 * waits for no address that depends on the last code.
 */

@inline
function topped(bits: u64, from: usize, have: u32): u64 {
  return bits | (load<u64>(from) >> have);
}

@inline
function beyond(from: usize, have: u32): usize {
  return from - ((63 - have) >> 3);
}

/** What there is at least after adding: seven bytes, which hold a step behind two skips. */
const TOPPED: u32 = 56;

/** A part of a row of MCUs, from column `first` on. */
function readMcus(first: u32, end: u32): bool {
  const origin = windowAt(0);
  let from = windowAt(position);
  let bits = load<u64>(from) << (position & 7);
  let have = TOPPED - (position & 7);
  from -= TOPPED >> 3;
  for (let column = first; column < end; column++) {
    for (let index: u32 = 0; index < units; index++) {
      const unit = unitAt(index);
      const component = unit.component;
      const table = component.ac;
      const last = component.last;
      bits = topped(bits, from, have);
      from = beyond(from, have);
      have |= TOPPED;
      let step = differenceAt(component.dc, bits);
      if (step == 0) return false;
      bits <<= lengthOf(step);
      have -= lengthOf(step);
      begin(component, valueOf(step));
      // The coefficient that the last step was; behind the block when that was its end.
      let k: u32 = 0;
      while (k < last) {
        if (have < FAST_BITS || isLong(table, bits)) {
          bits = topped(bits, from, have);
          from = beyond(from, have);
          have |= TOPPED;
        }
        step = stepAt(table, bits);
        if (step == 0) return false;
        bits <<= lengthOf(step);
        have -= lengthOf(step);
        k += wayOf(step);
        keep(component, k, valueOf(step));
      }
      write(component, column * component.h + unit.x, unit.y, k == END);
      while (k < LAST) {
        bits = topped(bits, from, have);
        from = beyond(from, have);
        have |= TOPPED;
        let skip = skipAt(table, bits);
        let after = k + wayOfSkip(skip);
        if (after < LAST) {
          bits <<= bitsOfSkip(skip);
          have -= bitsOfSkip(skip);
          k = after;
          skip = skipAt(table, bits);
          after = k + wayOfSkip(skip);
        }
        if (after < LAST || isEnd(after)) {
          bits <<= bitsOfSkip(skip);
          have -= bitsOfSkip(skip);
          k = after;
          continue;
        }
        // A skip over the end of the block, where another begins, or none: one step.
        step = stepAt(table, bits);
        if (step == 0) return false;
        bits <<= lengthOf(step);
        have -= lengthOf(step);
        k += wayOf(step);
      }
      if (!isEnd(k)) return false;
    }
    if ((<u32>(origin - from) << 3) - have > available) return false;
  }
  moveTo((<u32>(origin - from) << 3) - have);
  return true;
}

/** Whether a block ends after coefficient `k`: the last one, or any other and a step of {@link END}. */
@inline
function isEnd(k: u32): bool {
  return k == LAST || (k >= END && k < END + LAST);
}

/** The block's mean, and nothing else yet. */
@inline
function begin(component: Component, difference: i32): void {
  const zero = i64x2.splat(0);
  v128.store(block, zero);
  v128.store(block, zero, 32);
  if (component.last > 4) {
    v128.store(block, zero, 64);
    v128.store(block, zero, 96);
    if (component.last > 24) memory.fill(block, 0, 256);
  }
  component.prediction += difference;
  store<i32>(block, component.prediction * quantum(component.quantisation, 0));
}

/** What is not needed has a place of its own, behind the block. */
@inline
function keep(component: Component, k: u32, value: i32): void {
  const place = <usize>load<u8>(component.places + k) << 2;
  store<i32>(block + place, value * quantum(component.quantisation, k));
}

@inline
function write(component: Component, x: u32, y: u32, isFlat: bool): void {
  const to = component.plane + <usize>(y * component.down) * planeStride + <usize>x * component.across;
  if (component.across == 2 && component.down == 2) writeTwo(to);
  else if (isFlat || component.last == 0) writeFlat(to, component.across, component.down);
  else writeBlock(to, component.across, component.down);
}
