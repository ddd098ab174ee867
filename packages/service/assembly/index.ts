import { readBaseline } from './baseline';
import { huffmanTable, makeEntries, readTable } from './huffman';
import { componentAt, quantisationTable, resetArena } from './layout';
import { outputHeight, outputWidth, setComponent, setFrame, takeRooms } from './picture';
import { readProgressive, writeProgressive } from './progressive';
import { takeInput } from './stream';

/**
 * A decoder of JPEG that makes a picture an eighth, a quarter or half as large while it decodes, and keeps no coefficient
 * that the smaller one is not made of. Markers are read outside; whatever is out of the ordinary is answered with 0, and
 * left to a decoder for everything.
 */

/** @returns where the file is to be put; 0 when it takes more than `bytesMax` altogether */
export function begin(bytes: u32, bytesMax: u32): usize {
  resetArena(bytesMax);
  return takeInput(bytes);
}

/** @param k in zigzag order */
export function quantise(table: u32, k: u32, value: u32): void {
  store<i32>(quantisationTable(table) + (<usize>k << 2), value);
}

/**
 * @param slot 0 to 3 for DC, 4 to 7 for AC
 * @param from where the 16 counts and the symbols are
 */
export function defineTable(slot: u32, from: usize): bool {
  return readTable(slot, from);
}

/** @param samples of a block's side that come out: 1, 2 or 4 */
export function frame(width: u32, height: u32, count: u32, samples: u32): void {
  setFrame(width, height, count, samples);
}

export function component(index: u32, h: u32, v: u32, table: u32): void {
  setComponent(index, h, v, table);
}

/** After all components. @returns where the pixels will be; 0 without memory */
export function prepare(progressive: bool): usize {
  return takeRooms(progressive);
}

export function useTables(index: u32, dc: u32, ac: u32): void {
  componentAt(index).dc = huffmanTable(dc);
  componentAt(index).ac = huffmanTable(4 + ac);
}

/** Reads the scan at `from`. @returns where the next marker is, or 0 */
export function baseline(from: usize, interval: u32): usize {
  return readBaseline(from, interval);
}

/**
 * Reads one scan of several.
 * @param index of the scan's component, if it has but one; else at least the number of components
 */
export function progressive(from: usize, interval: u32, index: u32, start: u32, end: u32, high: u32, low: u32): usize {
  return readProgressive(from, interval, index, start, end, high, low);
}

/** Makes the pixels, when all scans were read. */
export function finish(): void {
  writeProgressive();
}

export function width(): u32 {
  return outputWidth;
}

export function height(): u32 {
  return outputHeight;
}
