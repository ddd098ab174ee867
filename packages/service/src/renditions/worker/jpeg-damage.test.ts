import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import sharp from 'sharp';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { photo } from '../../../../../scripts/make-pictures.ts';
import { Random } from '../../../../../test/chaos/random.ts';
import { writeJpeg } from '../../../../../test/support/jpeg-writer.ts';
import { reduceCopy } from '../../../../../test/support/reduce-copy.ts';
import type { Size } from '../geometry.ts';
import type { Pixels } from '../ops/index.ts';
import { JpegReducer } from './jpeg-reducer.ts';

type Factor = 2 | 4 | 8;
const FACTORS: readonly Factor[] = [2, 4, 8];
/** At an eighth nothing is made of most scans of a progressive picture, so that they are not read. */
const NOT_PASSED_OVER: readonly Factor[] = [2, 4];
const SIZE: Size = { width: 203, height: 157 };
const ONE = [1, 1] as const;
const FINE = [ONE, ONE, ONE];
const COARSE = [[2, 2], ONE, ONE] as const;
/** Adobe's marker, saying that no colours were transformed. */
const ADOBE_RGB = [0xff, 0xee, 0, 14, ...Buffer.from('Adobe'), 0, 100, 0, 0, 0, 0, 0];
const [SOF, PROGRESSIVE, DHT, EOI, SOS, DQT, DRI] = [0xc0, 0xc2, 0xc4, 0xd9, 0xda, 0xdb, 0xdd];

const folder = mkdtempSync(join(tmpdir(), 'safelight-jpeg-'));
const reducer = new JpegReducer();
afterAll(() => rmSync(folder, { recursive: true, force: true }));

function reduce(jpeg: Uint8Array, factor: Factor, stored: Size = SIZE, by = reducer): Pixels | undefined {
  const path = join(folder, 'picture.jpg');
  writeFileSync(path, jpeg);
  return reduceCopy(by, path, { stored, factor });
}

/** Told without their bytes, of which a failing test would say too much. */
function isSame(pixels: Pixels | undefined, expected: Pixels | undefined): boolean {
  return (
    pixels !== undefined &&
    expected !== undefined &&
    pixels.width === expected.width &&
    pixels.data.equals(expected.data)
  );
}

interface Segment {
  readonly code: number;
  /** Where its marker is, where the entropy-coded data after it begins, if it has some, and where it ends. */
  readonly start: number;
  readonly data: number;
  readonly end: number;
}

/** The segments of a sound file, scans with their data. */
function segmentsOf(jpeg: Buffer): Segment[] {
  const segments: Segment[] = [];
  let start = 2;
  for (;;) {
    const code = jpeg.readUInt8(start + 1);
    if (code === EOI) return segments;
    const data = start + 2 + jpeg.readUInt16BE(start + 2);
    let end = data;
    while (code === SOS && !isMarker(jpeg, end)) end += 1;
    segments.push({ code, start, data, end });
    start = end;
  }
}

function isMarker(jpeg: Buffer, at: number): boolean {
  const code = jpeg[at + 1] ?? 0;
  return jpeg[at] === 0xff && code !== 0 && (code & 0xf8) !== 0xd0;
}

function segmentOf(jpeg: Buffer, code: number): Segment {
  const found = segmentsOf(jpeg).find((segment) => segment.code === code);
  if (!found) throw new Error(`no ${code.toString(16)}`);
  return found;
}

/** Bytes `from` to `to` give way to others. */
function spliced(jpeg: Buffer, from: number, to: number, ...bytes: readonly Uint8Array[]): Buffer {
  return Buffer.concat([jpeg.subarray(0, from), ...bytes, jpeg.subarray(to)]);
}

/** The file with one byte changed. */
function patched(jpeg: Buffer, at: number, byte: number): Buffer {
  return spliced(jpeg, at, at + 1, Uint8Array.of(byte));
}

/** Sound pictures of SIZE: with restart markers, without, and progressive ones. */
let pixels: Buffer;
let fine: Buffer;
let restarted: Buffer;
let progressive: Buffer;
beforeAll(async () => {
  pixels = await photo(SIZE.width, SIZE.height).blur(1).raw().toBuffer();
  fine = writeJpeg(pixels, { ...SIZE, sampling: FINE });
  restarted = writeJpeg(pixels, { ...SIZE, sampling: COARSE, interval: 5 });
  progressive = await photo(SIZE.width, SIZE.height).jpeg({ progressive: true, quality: 85 }).toBuffer();
});

/** A file with a byte of its frame's header changed. */
function reframed(at: number, byte: number): Buffer {
  return patched(fine, segmentOf(fine, SOF).start + at, byte);
}

function without(code: number, nth = 0): Buffer {
  const segment = segmentsOf(fine).filter((one) => one.code === code)[nth];
  return spliced(fine, segment?.start ?? 0, segment?.end ?? 0);
}

/** With more bytes before a marker. */
function inserted(jpeg: Buffer, code: number, ...bytes: readonly number[]): Buffer {
  const at = code === EOI ? jpeg.length - 2 : segmentOf(jpeg, code).start;
  return spliced(jpeg, at, at, Uint8Array.from(bytes));
}

/** The scans of a progressive file in another order, or not all of them; tables that stand before a scan stay with it. */
function rescanned(arrange: (scans: Buffer[]) => readonly Buffer[]): Buffer {
  const ends = segmentsOf(progressive).flatMap(({ code, end }) => (code === SOS ? [end] : []));
  const first = segmentOf(progressive, SOS).start;
  const scans = ends.map((end, index) => progressive.subarray(ends[index - 1] ?? first, end));
  return Buffer.concat([progressive.subarray(0, first), ...arrange(scans), progressive.subarray(ends.at(-1))]);
}

/** With another size in its frame. */
function claiming(jpeg: Buffer, { width, height }: Size): Buffer {
  const frame = segmentsOf(jpeg).find(({ code }) => code === SOF || code === PROGRESSIVE);
  const claimed = Buffer.from(jpeg);
  claimed.writeUInt16BE(height, (frame?.start ?? 0) + 5);
  claimed.writeUInt16BE(width, (frame?.start ?? 0) + 7);
  return claimed;
}

/** A quantisation table. */
function steps(): Buffer {
  return progressive.subarray(segmentOf(progressive, DQT).start, segmentOf(progressive, DQT).end);
}

describe('left to the library', () => {
  const cases: Readonly<Record<string, () => Buffer | Promise<Buffer>>> = {
    CMYK: () => photo(SIZE.width, SIZE.height).toColourspace('cmyk').jpeg().toBuffer(),
    'RGB, as Adobe tells it': () => writeJpeg(pixels, { ...SIZE, sampling: FINE, adobe: 0 }),
    'what Adobe knows no name for': () => writeJpeg(pixels, { ...SIZE, sampling: FINE, adobe: 2 }),
    'a picture of R, G and B': () => writeJpeg(pixels, { ...SIZE, sampling: FINE, ids: [82, 71, 66] }),
    'one of who knows what': () => writeJpeg(pixels, { ...SIZE, sampling: FINE, ids: [0, 1, 2] }),
    'a picture whose components share a name': () =>
      writeJpeg(pixels, { ...SIZE, sampling: FINE, ids: [1, 1, 1], jfif: true }),
    'one of twelve bits': () => patched(reframed(1, 0xc1), segmentOf(fine, SOF).start + 4, 12),
    'a lossless one': () => reframed(1, 0xc3),
    'one whose frame has a factor of 0': () => reframed(11, 0x10),
    'one whose frame names a table that cannot be': () => reframed(12, 4),
    'one whose frame counts a component less': () => reframed(9, 2),
    'one of two frames': () => spliced(fine, 2, 2, fine.subarray(segmentOf(fine, SOF).start, segmentOf(fine, SOF).end)),
    'a baseline one in several scans': () => writeJpeg(pixels, { ...SIZE, sampling: COARSE, apart: true }),
    'one without a frame': () => without(SOF),
    'one without a scan': () => without(SOS),
    'one without steps for luma': () => without(DQT),
    'one without steps for colours': () => without(DQT, 1),
    'one without codes for means': () => without(DHT),
    'one without codes for the rest': () => without(DHT, 3),
    'one with a code for differences of 27 bits': () => patched(fine, segmentOf(fine, DHT).start + 32, 0x1b),
    'one with an interval of no bytes': () => inserted(fine, SOS, 0xff, DRI, 0, 2),
    'one whose colours are told after its frame': () => inserted(fine, DHT, ...ADOBE_RGB),
    'one whose JFIF is too short to be one': () => inserted(fine, DQT, 0xff, 0xe0, 0, 7, ...Buffer.from('JFIF\0')),
    'one without an end': () => fine.subarray(0, -2),
    'one with a byte between markers': () => inserted(fine, SOF, 0),
    'one with a byte after its blocks': () => inserted(fine, EOI, 0x55),
    'one whose height comes after its scan': () => inserted(fine, EOI, 0xff, 0xdc, 0, 4, 0, 157),
    'one with a marker that says nothing': () => inserted(fine, SOF, 0xff, 0x02, 0, 2),
    'one with a segment that is longer than the file': () => inserted(fine, SOF, 0xff, 0xe5, 0xff, 0xff),
    'one with a segment that is shorter than its length': () => inserted(fine, SOF, 0xff, 0xe5, 0, 1),
    'one with a restart marker out of its turn': () => patched(restarted, restarted.indexOf('ffd3', 'hex') + 1, 0xd4),
    'one with a restart marker too few': () =>
      spliced(restarted, restarted.indexOf('ffd2', 'hex'), restarted.indexOf('ffd2', 'hex') + 2),
    'one with restart markers that are not announced': () =>
      spliced(restarted, segmentOf(restarted, DRI).start, segmentOf(restarted, DRI).end),
    'one with other intervals than are announced': () => patched(restarted, segmentOf(restarted, DRI).start + 5, 6),
    'a progressive one without its first scan': () => rescanned((scans) => scans.slice(1)),
    'a progressive one without its last scan': () => rescanned((scans) => scans.slice(0, -1)),
    'a progressive one with a scan twice': () => rescanned((scans) => [...scans, ...scans.slice(-1)]),
    'a progressive one from its last scan to its first': () => rescanned((scans) => scans.toReversed()),
    'one with steps between its scans': () =>
      rescanned(([first, ...scans]) => [...(first ? [first] : []), steps(), ...scans]),
    'an empty file': () => Buffer.alloc(0),
    'a file of fill bytes': () => Buffer.concat([Buffer.from([0xff, 0xd8]), Buffer.alloc(5_000, 0xff)]),
    'another format': () => photo(SIZE.width, SIZE.height).png().toBuffer(),
  };

  it.each(Object.entries(cases))('is %s', async (_, make) => {
    const jpeg = await make();
    for (const factor of FACTORS) expect(reduce(jpeg, factor)).toBeUndefined();
  });

  it('is nothing of what these were made of', () => {
    expect(rescanned((scans) => scans).equals(progressive)).toBe(true);
    for (const good of [fine, restarted, progressive]) {
      for (const factor of FACTORS) expect(reduce(good, factor)).toMatchObject({ channels: 3, frames: 1 });
    }
  });

  it('is a picture of another size than was told, or of none', () => {
    const { width, height } = SIZE;
    for (const stored of [
      { width: 204, height },
      { width, height: 156 },
      { width: height, height: width },
    ]) {
      for (const factor of FACTORS) expect(reduce(fine, factor, stored)).toBeUndefined();
    }
    for (const factor of FACTORS) {
      expect(reduce(reframed(6, 0), factor, { width, height: 0 })).toBeUndefined();
      expect(reduce(reframed(8, 0), factor, { width: 0, height })).toBeUndefined();
    }
  });

  it('is one that claims far more blocks than it has', () => {
    for (const jpeg of [fine, restarted, progressive]) {
      const stored = { width: 5_000, height: 4_000 };
      for (const factor of FACTORS) expect(reduce(claiming(jpeg, stored), factor, stored)).toBeUndefined();
    }
  });

  it('is a file that ends too early, wherever that is, also if it was given an end', () => {
    for (const jpeg of [fine, restarted, progressive]) {
      for (let part = 0; part < 20; part += 1) {
        const cut = jpeg.subarray(0, Math.floor((part / 20) * jpeg.length));
        const ended = Buffer.concat([cut, Buffer.from([0xff, EOI])]);
        for (const factor of FACTORS) {
          expect([part, reduce(cut, factor) === undefined]).toEqual([part, true]);
          if (jpeg === progressive && !NOT_PASSED_OVER.includes(factor)) continue;
          expect([part, reduce(ended, factor) === undefined]).toEqual([part, true]);
        }
      }
    }
  });
});

interface Source {
  readonly name: string;
  readonly jpeg: Buffer;
  /** For which all of its coded data is read. */
  readonly factors: readonly Factor[];
}

/** One to four bytes between `from` and `to` flipped, overwritten, lost or added. */
function damaged(jpeg: Buffer, from: number, to: number, random: Random): Buffer {
  let bytes = jpeg;
  for (let left = 1 + Math.floor(4 * random.next() ** 2); left > 0; left -= 1) {
    const at = Math.floor(random.between(from, to));
    const other = Math.floor(random.between(0, 256));
    const kind = random.next();
    if (kind < 0.5) bytes = patched(bytes, at, (bytes[at] ?? 0) ^ (1 << (other & 7)));
    else if (kind < 0.9) bytes = patched(bytes, at, other);
    else bytes = spliced(bytes, at, at + (kind < 0.95 ? 1 : 0), ...(kind < 0.95 ? [] : [Uint8Array.of(other)]));
  }
  return bytes;
}

/** Why the library does not decode it, and the size that it reads. */
async function refusal(jpeg: Buffer): Promise<{ readonly words: string | undefined; readonly stored: Size }> {
  const header = sharp(jpeg).metadata();
  const { width, height } = await header.catch(() => SIZE);
  const pixels = sharp(jpeg, { failOn: 'warning' }).raw().toBuffer();
  const words = await pixels.then(
    () => undefined,
    (error: Error) => error.message,
  );
  return { words, stored: { width, height } };
}

describe('damage', () => {
  const sources = async (): Promise<readonly Source[]> => {
    const image = photo(SIZE.width, SIZE.height);
    const grey = photo(SIZE.width, SIZE.height).toColourspace('b-w');
    return [
      { name: 'fine', jpeg: await image.clone().jpeg({ chromaSubsampling: '4:4:4' }).toBuffer(), factors: FACTORS },
      { name: 'coarse', jpeg: await image.clone().jpeg({ quality: 90 }).toBuffer(), factors: FACTORS },
      { name: 'grey', jpeg: await grey.clone().jpeg().toBuffer(), factors: FACTORS },
      { name: 'restarted', jpeg: restarted, factors: FACTORS },
      { name: 'progressive', jpeg: progressive, factors: NOT_PASSED_OVER },
      {
        name: 'progressive grey',
        jpeg: await grey.clone().jpeg({ progressive: true }).toBuffer(),
        factors: NOT_PASSED_OVER,
      },
    ];
  };
  type Area = (jpeg: Buffer) => readonly [from: number, to: number];
  /** @returns how many were refused by the library, and how many times one was reduced */
  const tryAll = async (seed: number, rounds: number, sources: readonly Source[], area: Area) => {
    const random = new Random(seed);
    let refused = 0;
    let reduced = 0;
    for (const { name, jpeg, factors } of sources) {
      for (let round = 0; round < rounds; round += 1) {
        const bytes = damaged(jpeg, ...area(jpeg), random);
        const { words, stored } = await refusal(bytes);
        if (words !== undefined) refused += 1;
        for (const factor of FACTORS) {
          const seen = reduce(bytes, factor, stored);
          if (seen) expect(seen.data.length).toBe(seen.width * seen.height * seen.channels);
          if (seen) reduced += 1;
          const isPassedOver = seen !== undefined && words !== undefined && factors.includes(factor);
          expect({ name, round, factor, words, isPassedOver }).toMatchObject({ isPassedOver: false });
        }
      }
      for (const factor of FACTORS)
        expect(isSame(reduce(jpeg, factor), reduce(jpeg, factor, SIZE, new JpegReducer()))).toBe(true);
    }
    return { refused, reduced };
  };

  it('of the coded data is not passed over where the library sees it, and leaves no trace in the next picture', async () => {
    const data: Area = (jpeg) => [segmentOf(jpeg, SOS).data, jpeg.length];
    const { refused, reduced } = await tryAll(1, 80, await sources(), data);
    expect(Math.min(refused, reduced)).toBeGreaterThan(100);
  });

  it('of the headers is not passed over either', async () => {
    const headers: Area = (jpeg) => [2, segmentOf(jpeg, SOS).data];
    const { refused, reduced } = await tryAll(2, 120, await sources(), headers);
    expect(Math.min(refused, reduced)).toBeGreaterThan(100);
  });

  it('of scans of which an eighth shows nothing changes no pixel of it', () => {
    const random = new Random(3);
    const lumaBands = segmentsOf(progressive).filter(({ code, start }) => {
      const [components, id, , first = 0] = progressive.subarray(start + 4);
      return code === SOS && components === 1 && id === 1 && first > 0;
    });
    expect(lumaBands.length).toBeGreaterThan(1);
    for (const { data, end } of lumaBands) {
      for (let round = 0; round < 40; round += 1) {
        const seen = reduce(damaged(progressive, data, end - 4, random), 8);
        if (seen) expect(isSame(seen, reduce(progressive, 8))).toBe(true);
      }
    }
  });
});

describe('memory', () => {
  const MB = 1024 * 1024;
  /** Every instance that is made while this goes on. */
  const watched = (work: () => void): WebAssembly.Memory[] => {
    const { Instance } = WebAssembly;
    const memories: WebAssembly.Memory[] = [];
    WebAssembly.Instance = class extends Instance {
      constructor(module: WebAssembly.Module) {
        super(module);
        if (this.exports.memory instanceof WebAssembly.Memory) memories.push(this.exports.memory);
      }
    };
    try {
      work();
    } finally {
      WebAssembly.Instance = Instance;
    }
    return memories;
  };
  const sizesOf = (memories: readonly WebAssembly.Memory[]) => memories.map(({ buffer }) => buffer.byteLength / MB);

  it('that a large file took is given back', () => {
    const comment = Buffer.concat([Buffer.from([0xff, 0xfe, 0xff, 0xff]), Buffer.alloc(0xfffd)]);
    const large = spliced(fine, 2, 2, ...Array.from({ length: 800 }, () => comment));
    const memories = watched(() => {
      const one = new JpegReducer();
      expect(isSame(reduce(large, 2, SIZE, one), reduce(fine, 2))).toBe(true);
      expect(isSame(reduce(progressive, 4, SIZE, one), reduce(progressive, 4))).toBe(true);
    });
    const [first, second] = sizesOf(memories);
    expect([memories.length, (first ?? 0) > 96, (second ?? 0) < 8]).toEqual([2, true, true]);
  });

  it('is kept for the next picture otherwise', () => {
    const memories = watched(() => {
      const one = new JpegReducer();
      for (const jpeg of [fine, restarted, progressive]) for (const factor of FACTORS) reduce(jpeg, factor, SIZE, one);
    });
    expect(memories.length).toBe(1);
  });

  it('of more than half a gigabyte is not taken for any picture', () => {
    const claims = [30_000, 65_535].map((side) => ({ width: side, height: side }));
    const memories = watched(() => {
      const one = new JpegReducer();
      for (const jpeg of [fine, progressive]) {
        for (const stored of claims) {
          for (const factor of FACTORS) expect(reduce(claiming(jpeg, stored), factor, stored, one)).toBeUndefined();
        }
      }
      expect(isSame(reduce(fine, 2, SIZE, one), reduce(fine, 2))).toBe(true);
    });
    expect(Math.max(...sizesOf(memories))).toBeLessThanOrEqual(512);
    expect(sizesOf(memories).at(-1)).toBeLessThan(8);
  });
});
