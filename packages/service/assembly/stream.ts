import { take } from './layout';

/**
 * The entropy-coded bits of a scan, or of the part of it up to a restart marker: without stuffing, and backwards, so that
 * any eight bytes are one load on a machine that stores the lowest byte first.
 */

/** One past the file. */
let inputEnd: usize = 0;
/** Of the unread part of the file. */
let next: usize = 0;
let streamEnd: usize = 0;

/** Bits that were read, and bits that there are. */
export let position: u32 = 0;
export let available: u32 = 0;

/** What is read past the end, when coefficients are made up of nothing until the check after them. */
const BYTES_PAST_END: usize = 4096;

/** @returns where the file's bytes are to be put; 0 when there is no memory */
export function takeInput(bytes: u32): usize {
  const input = take(bytes);
  inputEnd = input + bytes;
  const low = take(<usize>bytes + BYTES_PAST_END + 64);
  streamEnd = low + BYTES_PAST_END + 32 + bytes;
  return input == 0 || low == 0 ? 0 : input;
}

/** @returns whether a marker ends what begins at `from` */
export function openScan(from: usize): bool {
  next = from;
  return fill();
}

/** Where the eight bytes are that bit `at` is in the first of. */
@inline
export function windowAt(at: u32): usize {
  return streamEnd - 8 - <usize>(at >> 3);
}

/** Bits from `at` on: 57 at least, from the top. */
@inline
export function bitsAt(at: u32): u64 {
  return load<u64>(windowAt(at)) << (at & 7);
}

export const BITS_AT_ONCE: i32 = 57;

@inline
export function moveTo(at: u32): void {
  position = at;
}

/** Whether all bits were read but less than a byte of padding, and none that was not there. */
export function isSpent(): bool {
  return position <= available && available - position < 8;
}

/** Where the marker after the scan is; 0 when something was left over, or read that was not there. */
export function endOfScan(): usize {
  return isSpent() ? next : 0;
}

/** Steps over the restart marker that must be here. */
export function restart(number: u32): bool {
  if (!isSpent() || load<u8>(next + 1) != 0xd0 + (number & 7)) return false;
  next += 2;
  return fill();
}

function fill(): bool {
  const ones = i8x16.splat(-1);
  let from = next;
  let to = streamEnd;
  for (;;) {
    while (from + 16 <= inputEnd) {
      const bytes = v128.load(from);
      if (v128.any_true(i8x16.eq(bytes, ones))) break;
      to -= 16;
      v128.store(to, i8x16.shuffle(bytes, bytes, 15, 14, 13, 12, 11, 10, 9, 8, 7, 6, 5, 4, 3, 2, 1, 0));
      from += 16;
    }
    while (from < inputEnd && load<u8>(from) != 0xff) store<u8>(--to, load<u8>(from++));
    if (from + 1 >= inputEnd) return false;
    if (load<u8>(from + 1) != 0) break;
    store<u8>(--to, 0xff);
    from += 2;
  }
  store<u64>(to - 8, 0);
  position = 0;
  available = <u32>(streamEnd - to) << 3;
  next = from;
  return true;
}

/** Where the marker after a scan is of which nothing is needed; 0 when there is none. */
export function passScan(from: usize): usize {
  for (let at = from; at + 1 < inputEnd; at++) {
    if (load<u8>(at) != 0xff) continue;
    const code = load<u8>(at + 1);
    if (code != 0 && (code & 0xf8) != 0xd0) return at;
  }
  return 0;
}
