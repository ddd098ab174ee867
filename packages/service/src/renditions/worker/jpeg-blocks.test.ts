import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { writeJpeg } from '../../../../../test/support/jpeg-writer.ts';
import { reduceCopy } from '../../../../../test/support/reduce-copy.ts';
import { JpegReducer } from './jpeg-reducer.ts';

/** Two grey blocks beside each other, written code by code with the tables of annex K. */
const SIZE = { width: 16, height: 8 };
const SOS_BYTES = 10;
const EOI_BYTES = 2;

const MEAN_OF_ZERO = '00';
const END = '1010';
/** Sixteen zeros. */
const ZEROS = '11111111001';
/** Fourteen zeros and a one; no zeros and a one. */
const FOURTEEN_AND_ONE = '11111111111010111';
const ONE = '001';
/** A block whose last coefficient is the 63rd. */
const FULL = MEAN_OF_ZERO + ZEROS.repeat(3) + FOURTEEN_AND_ONE;
const EMPTY = MEAN_OF_ZERO + END;

const folder = mkdtempSync(join(tmpdir(), 'safelight-blocks-'));
const reducer = new JpegReducer();
afterAll(() => rmSync(folder, { recursive: true, force: true }));

const grey = writeJpeg(new Uint8Array(SIZE.width * SIZE.height), { ...SIZE, sampling: [[1, 1]] });

function withCodes(codes: string): Buffer {
  const filled = codes.padEnd(Math.ceil(codes.length / 8) * 8, '1');
  const bytes = filled.match(/.{8}/g)?.map((byte) => Number.parseInt(byte, 2)) ?? [];
  const stuffed = bytes.flatMap((byte) => (byte === 0xff ? [byte, 0] : [byte]));
  const data = grey.lastIndexOf(Buffer.of(0xff, 0xda)) + SOS_BYTES;
  return Buffer.concat([grey.subarray(0, data), Buffer.from(stuffed), grey.subarray(-EOI_BYTES)]);
}

/** Brightness of the first pixel of each block; undefined when it is left to the library. */
function blocks(codes: string, factor: 2 | 4 | 8): number[] | undefined {
  const path = join(folder, 'picture.jpg');
  writeFileSync(path, withCodes(codes));
  const pixels = reduceCopy(reducer, path, { stored: SIZE, factor });
  return pixels && [0, pixels.width / 2].map((x) => pixels.data.readUInt8(x));
}

describe.each([2, 4, 8] as const)('a block of which one in %i is kept across', (factor) => {
  const of = (codes: string) => blocks(codes, factor);
  /** A mean that is one step of 16 above the block before: eight times what a sample is. */
  const BRIGHT = `0101${END}`;

  it('ends at its end, or with its last coefficient', () => {
    expect(of(EMPTY + BRIGHT)).toEqual([128, 130]);
    expect(of(FULL + BRIGHT)).toEqual([128, 130]);
    expect(of(MEAN_OF_ZERO + ONE.repeat(63) + BRIGHT)?.[1]).toBe(130);
  });

  it('does not end with what belongs to the next one', () => {
    // The mean's code and what follows look like steps of the block before.
    expect(of(FULL + EMPTY)).toEqual([128, 128]);
    expect(of(MEAN_OF_ZERO + ONE.repeat(63) + EMPTY)?.[1]).toBe(128);
  });

  it.each([
    ['zeros', ZEROS.repeat(4)],
    ['zeros and a one', ZEROS.repeat(3) + ONE + FOURTEEN_AND_ONE],
    ['an end behind the last', ZEROS.repeat(3) + FOURTEEN_AND_ONE + END],
  ])('is left to the library when %s lead out of it', (_, codes) => {
    expect(of(MEAN_OF_ZERO + codes + EMPTY)).toBeUndefined();
  });
});
