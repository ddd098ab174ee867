/** Where things lie in the module's memory: what is known beforehand, then an arena that begins anew with each picture. */

/** Zigzag index to where a coefficient stands in {@link block}: transposed, which spares turning half of each block. */
export const PLACES: usize = memory.data<u8>([
  0, 8, 1, 2, 9, 16, 24, 17, 10, 3, 4, 11, 18, 25, 32, 40, 33, 26, 19, 12, 5, 6, 13, 20, 27, 34, 41, 48, 56, 49, 42, 35, 28,
  21, 14, 7, 15, 22, 29, 36, 43, 50, 57, 58, 51, 44, 37, 30, 23, 31, 38, 45, 52, 59, 60, 53, 46, 39, 47, 54, 61, 62, 55, 63,
]);

/** The coefficients of one block, dequantised: i32, column by column; and behind them what is not needed. */
export const block: usize = memory.data(65 * 4, 16);
/** Half-way through a transform. */
export const work: usize = memory.data(64 * 4, 16);

/** Four tables of 64 i32, in zigzag order. */
const QUANTISATION: usize = memory.data(4 * 64 * 4, 16);

/** One component of the picture. All fields are 32 bits wide. */
@unmanaged
export class Component {
  /** Sampling factors. */
  h: u32;
  v: u32;
  quantisation: usize;
  /** Samples of one block that come out, across and down. */
  across: u32;
  down: u32;
  /** The last coefficient, in zigzag order, that these are made of. */
  last: u32;
  /** By coefficient, and whatever a step may make of one: its place in {@link block}, or the one behind. */
  places: usize;
  /** Huffman tables. */
  dc: usize;
  ac: usize;
  /** The DC coefficient before. */
  prediction: i32;
  /** Samples of one row of MCUs. */
  plane: usize;
  /** Blocks in a row, filled up to whole MCUs, and those that a scan of this component alone has. */
  stride: u32;
  columns: u32;
  rows: u32;
  /** Of a progressive picture, for each block: which coefficients are something, and the first ones as i16. */
  masks: usize;
  coefficients: usize;
  coefficientBytes: u32;
}

const COMPONENTS: usize = memory.data(4 * 128, 16);
const COMPONENT_PLACES: usize = memory.data(4 * 256, 16);

/** A block's place in an MCU. */
@unmanaged
export class Unit {
  component: Component;
  x: u32;
  y: u32;
}

const UNITS: usize = memory.data(16 * 12, 16);

@inline
export function componentAt(index: u32): Component {
  return changetype<Component>(COMPONENTS + (<usize>index << 7));
}

/** @param last the last coefficient that is needed */
export function setPlaces(index: u32, last: u32): void {
  const places = COMPONENT_PLACES + (<usize>index << 8);
  componentAt(index).places = places;
  memory.fill(places, 64, 256);
  memory.copy(places, PLACES, last + 1);
}

@inline
export function unitAt(index: u32): Unit {
  return changetype<Unit>(UNITS + <usize>index * 12);
}

@inline
export function quantisationTable(index: u32): usize {
  return QUANTISATION + (<usize>index << 8);
}

@inline
export function quantum(table: usize, k: u32): i32 {
  return load<i32>(table + (<usize>k << 2));
}

/** One past what is taken. */
let heap: usize = 0;
/** Set when the arena would have to become larger than it may. */
export let isExhausted: bool = false;
let pagesMax: u32 = 0;

export function resetArena(bytesMax: u32): void {
  heap = __heap_base;
  isExhausted = false;
  pagesMax = bytesMax >> 16;
}

/** Memory as it is: whoever needs it empty fills it. 0 when there is none left. */
export function take(bytes: usize): usize {
  const at = (heap + 15) & ~(<usize>15);
  const pages = <u32>((<u64>at + bytes + 0xffff) >> 16);
  const now = <u32>memory.size();
  if (pages > pagesMax || (pages > now && memory.grow(pages - now) < 0)) {
    isExhausted = true;
    return 0;
  }
  heap = at + bytes;
  return at;
}
