import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import sharp, { type JpegOptions, type Sharp } from 'sharp';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { photo, QUADRANTS, quadrants } from '../../../../../scripts/make-pictures.ts';
import { writeJpeg } from '../../../../../test/support/jpeg-writer.ts';
import { reduceCopy } from '../../../../../test/support/reduce-copy.ts';
import { colourAt, corpus, hasCorpus, WorkerRig } from '../../../../../test/support/worker-rig.ts';
import type { Size } from '../geometry.ts';
import type { Pixels } from '../ops/index.ts';
import { shrinkOnLoad } from '../reduce.ts';
import { JpegReducer } from './jpeg-reducer.ts';

type Factor = 2 | 4 | 8;
const FACTORS: readonly Factor[] = [2, 4, 8];

let folder: string;
const reducer = new JpegReducer();
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'safelight-jpeg-'));
});
afterAll(() => rm(folder, { recursive: true, force: true }));

async function reduce(jpeg: Buffer, factor: Factor, by = reducer): Promise<Pixels | undefined> {
  const path = join(folder, 'picture.jpg');
  await writeFile(path, jpeg);
  const { width, height } = await sharp(jpeg).metadata();
  return reduceCopy(by, path, { stored: { width, height }, factor });
}

async function reduced(jpeg: Buffer, factor: Factor, by = reducer): Promise<Pixels> {
  const pixels = await reduce(jpeg, factor, by);
  if (!pixels) throw new Error('left to the library');
  return pixels;
}

/** Told without their bytes, of which a failing test would say too much. */
function areSame(pixels: Pixels, expected: Pixels): void {
  expect({ ...pixels, data: pixels.data.equals(expected.data) }).toEqual({ ...expected, data: true });
}

/** What the library makes of all pixels, grey or RGB. */
async function decoded(jpeg: Buffer): Promise<Pixels> {
  const isGrey = (await sharp(jpeg).metadata()).space === 'b-w';
  const { data, info } = await sharp(jpeg, { failOn: 'warning' })
    .toColourspace(isGrey ? 'b-w' : 'srgb')
    .raw()
    .toBuffer({ resolveWithObject: true });
  return { data, width: info.width, height: info.height, channels: isGrey ? 1 : 3, frames: 1 };
}

/** Means of squares of pixels, of as many as a side has when it is rounded; at the edges, of the pixels that there are. */
function boxed({ data, width, height, channels }: Pixels, factor: Factor): number[] {
  const means: number[] = [];
  const [columns, rows] = [width, height].map((side) => Math.max(1, Math.round(side / factor)));
  for (let row = 0; row < (rows ?? 0); row += 1) {
    for (let column = 0; column < (columns ?? 0); column += 1) {
      const [left, top] = [column * factor, row * factor];
      const [right, bottom] = [Math.min(width, left + factor), Math.min(height, top + factor)];
      for (let channel = 0; channel < channels; channel += 1) {
        let sum = 0;
        for (let y = top; y < bottom; y += 1) {
          for (let x = left; x < right; x += 1) sum += data[(y * width + x) * channels + channel] ?? 0;
        }
        means.push(sum / ((right - left) * (bottom - top)));
      }
    }
  }
  return means;
}

function meanDifference(a: Iterable<number>, b: ArrayLike<number>): number {
  let sum = 0;
  let at = 0;
  for (const sample of a) sum += Math.abs(sample - (b[at++] ?? Number.NaN));
  return sum / at;
}

/** Of each scan, the bit position that it refines, or 0. */
function refinementsOf(jpeg: Buffer): number[] {
  const scans = jpeg.toString('latin1').split('\xff\xda').slice(1);
  return scans.map((scan) => scan.charCodeAt(scan.charCodeAt(1) - 1) >> 4);
}

/** Sampling factors, as in `2x2 1x1 1x1`. */
function samplingOf(told: string): [number, number][] {
  return told.split(' ').map((pair) => {
    const [across = 0, down = 0] = pair.split('x').map(Number);
    return [across, down];
  });
}

/** As `writeJpeg` takes them: without what its coarse steps would not keep. */
async function softPixels({ width, height }: Size, channels: 1 | 3): Promise<Buffer> {
  const soft = photo(width, height).blur(2);
  return (channels === 1 ? soft.toColourspace('b-w') : soft).raw().toBuffer();
}

describe('a progressive JPEG', () => {
  const layouts: Readonly<Record<string, (image: Sharp, options: JpegOptions) => Sharp>> = {
    '4:2:0': (image, options) => image.jpeg({ ...options, chromaSubsampling: '4:2:0' }),
    '4:4:4': (image, options) => image.jpeg({ ...options, chromaSubsampling: '4:4:4' }),
    grey: (image, options) => image.toColourspace('b-w').jpeg(options),
  };
  /** Both files hold the same coefficients, as all their pixels show. */
  const twins = async (image: Sharp, layout: string, options: JpegOptions): Promise<[Buffer, Buffer]> => {
    const write = (progressive: boolean) => layouts[layout]?.(image.clone(), { ...options, progressive }).toBuffer();
    const [baseline, progressive] = await Promise.all([write(false), write(true)]);
    if (!baseline || !progressive) throw new Error(layout);
    expect((await decoded(progressive)).data.equals((await decoded(baseline)).data)).toBe(true);
    expect(refinementsOf(baseline)).toEqual([0]);
    expect(refinementsOf(progressive).filter((high) => high > 0).length).toBeGreaterThan(0);
    return [baseline, progressive];
  };
  const areEqual = async ([baseline, progressive]: readonly [Buffer, Buffer]) => {
    for (const factor of FACTORS) areSame(await reduced(progressive, factor), await reduced(baseline, factor));
  };

  it.each(Object.keys(layouts))('in %s becomes the very pixels of a baseline one', async (layout) => {
    for (const quality of [30, 85, 100]) await areEqual(await twins(photo(401, 303), layout, { quality }));
    await areEqual(await twins(photo(1201, 803), layout, { quality: 92 }));
  });

  it.each(Object.keys(layouts))('in %s does so at any size', async (layout) => {
    const sizes = [
      [1, 1],
      [1, 515],
      [1030, 1],
      [7, 9],
      [8, 8],
      [16, 16],
      [17, 33],
      [170, 99],
      [31, 264],
    ] as const;
    for (const [width, height] of sizes) await areEqual(await twins(photo(width, height), layout, { quality: 90 }));
  });

  it('does so where runs of blocks have nothing in them', async () => {
    const flat = quadrants(1024, 640).composite([{ input: await photo(40, 30).png().toBuffer(), left: 500, top: 300 }]);
    const image = sharp(await flat.png().toBuffer());
    for (const layout of Object.keys(layouts)) await areEqual(await twins(image, layout, { quality: 80 }));
  });

  it('does so however its scans are divided', async () => {
    const image = photo(400, 300);
    const baseline = await image.clone().jpeg({ quality: 85 }).toBuffer();
    const optimised = await image.clone().jpeg({ quality: 85, optimiseScans: true }).toBuffer();
    expect((await decoded(optimised)).data.equals((await decoded(baseline)).data)).toBe(true);
    await areEqual([baseline, optimised]);
  });
});

describe('a reduced picture', () => {
  it.each(['4:2:0', '4:4:4'])('in %s is near the means of all pixels', async (chromaSubsampling) => {
    const jpeg = await photo(1201, 803).jpeg({ quality: 92, chromaSubsampling }).toBuffer();
    const full = await decoded(jpeg);
    for (const factor of FACTORS) {
      const { data, width, height } = await reduced(jpeg, factor);
      expect([width, height]).toEqual([Math.round(1201 / factor), Math.round(803 / factor)]);
      expect(meanDifference(boxed(full, factor), data)).toBeLessThan(1);
    }
  });

  /** How far what is served is from a full decode: smaller by one more than the factor, as the library reduces it, too. */
  const served = async (jpeg: Buffer, factor: Factor): Promise<{ ours: number; librarys: number }> => {
    const full = await decoded(jpeg);
    const side = (length: number) => Math.floor(length / (factor + 1));
    const size = { width: side(full.width), height: side(full.height), fit: 'fill' } as const;
    const open = ({ data, width, height, channels }: Pixels) => sharp(data, { raw: { width, height, channels } });
    const [expected, ours, librarys] = await Promise.all(
      [open(full), open(await reduced(jpeg, factor)), sharp(jpeg)].map((image) => image.resize(size).raw().toBuffer()),
    );
    if (!expected || !ours || !librarys) throw new Error('no pixels');
    return { ours: meanDifference(ours, expected), librarys: meanDifference(librarys, expected) };
  };
  const isAsNear = async (jpeg: Buffer) => {
    for (const factor of FACTORS) {
      const { ours, librarys } = await served(jpeg, factor);
      expect(ours).toBeLessThan(librarys + 0.1);
    }
  };

  it('is as near to a full decode as the library’s own way', async () => {
    for (const chromaSubsampling of ['4:2:0', '4:4:4']) {
      await isAsNear(await photo(1360, 904).jpeg({ quality: 90, chromaSubsampling }).toBuffer());
    }
  });

  it.runIf(hasCorpus)('of a photograph is as near, too', async () => {
    for (const name of ['photo-stream-6.3mp-prog.jpg', 'photo-bird-6.2mp-base444.jpg', 'photo-retina-2mp.jpg'])
      await isAsNear(await corpus(name));
  });

  const colours = '#f00 #0f0 #00f #fff #000 #ff0 #0ff #f0f #777 #c81e14 #1e6432 #0000c8 #fa8'.split(' ');

  it.each(['4:2:0', '4:4:4'])('in %s has its colours, up to its edges', async (chromaSubsampling) => {
    const side = 24;
    for (const background of colours) {
      const jpeg = await sharp({ create: { width: 3 * side + 5, height: 2 * side + 3, channels: 3, background } })
        .jpeg({ quality: 100, chromaSubsampling })
        .toBuffer();
      const truth = (await decoded(jpeg)).data;
      for (const factor of FACTORS) {
        const { data } = await reduced(jpeg, factor);
        const off = data.map((sample, at) => Math.abs(sample - (truth[at % 3] ?? 0)));
        expect([background, Math.max(...off) <= 1]).toEqual([background, true]);
      }
    }
  });

  it('keeps saturated colours beside each other, without one running over into the other end of the scale', async () => {
    const patches = colours.map((background, index) => ({
      input: { create: { width: 32, height: 32, channels: 3 as const, background } },
      left: 32 * (index % 4),
      top: 32 * Math.floor(index / 4),
    }));
    const picture = sharp({ create: { width: 128, height: 128, channels: 3, background: '#000' } }).composite(patches);
    for (const quality of [20, 60, 95]) {
      const jpeg = await picture.clone().jpeg({ quality, chromaSubsampling: '4:4:4' }).toBuffer();
      const full = await decoded(jpeg);
      for (const factor of FACTORS) {
        const means = boxed(full, factor);
        const off = (await reduced(jpeg, factor)).data.map((sample, at) => Math.abs(sample - (means[at] ?? 0)));
        expect(Math.max(...off)).toBeLessThanOrEqual(3);
      }
    }
  });
});

describe('sampling factors', () => {
  const size = { width: 163, height: 117 };
  /** By the way in which they are told, and the factors that there are transforms for: 1, 2, 4 or 8 samples of a side. */
  const rows: readonly (readonly [string, readonly Factor[]])[] = [
    ['1x1', FACTORS],
    ['2x2', FACTORS],
    ['1x1 1x1 1x1', FACTORS],
    ['2x1 1x1 1x1', FACTORS],
    ['1x2 1x1 1x1', FACTORS],
    ['2x2 1x1 1x1', FACTORS],
    ['4x1 1x1 1x1', [4, 8]],
    ['1x4 1x1 1x1', [4, 8]],
    ['4x2 1x1 1x1', [4, 8]],
    ['2x4 1x1 1x1', [4, 8]],
    ['4x1 2x1 1x1', [4, 8]],
    ['2x2 2x1 2x1', FACTORS],
    ['2x2 1x2 1x2', FACTORS],
    ['2x2 2x1 1x2', FACTORS],
    ['2x2 2x2 1x1', FACTORS],
    ['2x1 2x1 2x1', FACTORS],
    ['3x1 3x1 3x1', FACTORS],
    ['1x1 2x1 2x1', FACTORS],
    ['1x1 1x2 2x1', FACTORS],
    ['3x1 1x1 1x1', []],
    ['3x1 2x1 2x1', []],
    // More blocks than an MCU may have.
    ['4x2 2x1 1x1', []],
  ];

  it.each(rows)('of %s come out right, or are left to the library', async (told, factors) => {
    const sampling = samplingOf(told);
    const sizes = [size, { width: 33, height: 40 }, { width: 1, height: 1 }];
    for (const { width, height } of sizes) {
      const pixels = await softPixels({ width, height }, sampling.length === 1 ? 1 : 3);
      const jpeg = writeJpeg(pixels, { width, height, sampling, coarseness: 0.3 });
      for (const factor of FACTORS) {
        const seen = await reduce(jpeg, factor);
        expect([factor, seen !== undefined]).toEqual([factor, factors.includes(factor)]);
        if (seen) expect(meanDifference(boxed(await decoded(jpeg), factor), seen.data)).toBeLessThan(1.5);
      }
    }
  });
});

function wordsOf(bytes: Buffer, from: number, to: number): number[] {
  return [...bytes.subarray(from, to)].flatMap((byte) => [0, byte]);
}

describe('the same picture', () => {
  const size = { width: 331, height: 203 };

  it.each(['1x1', '1x1 1x1 1x1', '2x2 1x1 1x1'])(
    'comes out the same with restart markers or without: %s',
    async (told) => {
      const sampling = samplingOf(told);
      const pixels = await softPixels(size, sampling.length === 1 ? 1 : 3);
      const rowMcus = Math.ceil(size.width / (sampling[0]?.[0] === 2 ? 16 : 8));
      const plain = writeJpeg(pixels, { ...size, sampling });
      for (const interval of [1, 7, rowMcus, 65_535]) {
        const restarted = writeJpeg(pixels, { ...size, sampling, interval });
        expect((await decoded(restarted)).data.equals((await decoded(plain)).data)).toBe(true);
        for (const factor of FACTORS) areSame(await reduced(restarted, factor), await reduced(plain, factor));
      }
    },
  );

  it('comes out the same with fill bytes and what programs write about themselves', async () => {
    const pixels = await softPixels(size, 3);
    const plain = writeJpeg(pixels, { ...size, sampling: samplingOf('2x2 1x1 1x1') });
    const forms = [{ fill: 1 }, { fill: 300 }, { jfif: true }, { adobe: 1, ids: [7, 8, 9] }, { jfif: true, adobe: 0 }];
    const files = [...forms, { jfif: true, ids: [82, 71, 66] }].map((form) =>
      writeJpeg(pixels, { ...size, sampling: samplingOf('2x2 1x1 1x1'), ...form }),
    );
    // The steps of both tables, in words.
    const wide = [2, 71].map((at) => [
      0xff,
      0xdb,
      0,
      131,
      16 + (plain[at + 4] ?? 0),
      ...wordsOf(plain, at + 5, at + 69),
    ]);
    files.push(Buffer.concat([plain.subarray(0, 2), Buffer.from(wide.flat()), plain.subarray(140)]));
    for (const told of files) {
      expect((await decoded(told)).data.equals((await decoded(plain)).data)).toBe(true);
      for (const factor of FACTORS) areSame(await reduced(told, factor), await reduced(plain, factor));
    }
  });

  it('comes out the same after any other', async () => {
    const soft = await softPixels(size, 3);
    const pictures = [
      writeJpeg(soft, { ...size, sampling: samplingOf('1x1 1x1 1x1'), coarseness: 2 }),
      await photo(640, 400).jpeg({ progressive: true }).toBuffer(),
      writeJpeg(await softPixels(size, 1), { ...size, sampling: samplingOf('1x1'), coarseness: 0.5 }),
      await photo(200, 300).jpeg({ quality: 100, optimiseCoding: true, chromaSubsampling: '4:4:4' }).toBuffer(),
      writeJpeg(soft, { ...size, sampling: samplingOf('2x2 1x1 1x1'), interval: 3 }),
      await photo(320, 200).toColourspace('b-w').jpeg({ quality: 50, progressive: true }).toBuffer(),
    ];
    const one = new JpegReducer();
    for (const factor of FACTORS) {
      const fresh: Pixels[] = [];
      for (const jpeg of pictures) fresh.push(await reduced(jpeg, factor, new JpegReducer()));
      for (const first of pictures) {
        for (const [index, second] of pictures.entries()) {
          await reduce(first, factor, one);
          const expected = fresh[index];
          if (expected) areSame(await reduced(second, factor, one), expected);
        }
      }
    }
  });
});

describe('a render of a JPEG that is reduced', () => {
  let rig: WorkerRig;
  beforeAll(async () => {
    rig = await WorkerRig.start();
  });
  afterAll(() => rig[Symbol.asyncDispose]());

  /** EXIF with an orientation and nothing else, as it follows a JPEG's start. */
  const exif = (orientation: number) =>
    Buffer.from(
      `ffe10022${Buffer.from('Exif\0\0MM\0*').toString('hex')}0000000800010112000300000001000${orientation}000000000000`,
      'hex',
    );

  it.each([1, 2, 3, 4, 5, 6, 7, 8])('honours EXIF orientation %i', async (orientation) => {
    // What a camera that is held so stores of the upright picture.
    const upright = sharp(await quadrants(1400, 1000).png().toBuffer());
    const flopped = sharp(await upright.flop([2, 4, 5, 7].includes(orientation)).toBuffer());
    const jpeg = await flopped
      .rotate([0, 0, 180, 180, 270, 270, 90, 90][orientation - 1])
      .jpeg({ quality: 95 })
      .toBuffer();
    const original = Buffer.concat([jpeg.subarray(0, 2), exif(orientation), jpeg.subarray(2)]);
    const source = await rig.facts(original);
    expect([source.orientation, source.hasProfile, shrinkOnLoad(source, { width: 280, height: 200 })]).toEqual([
      orientation,
      false,
      4,
    ]);
    expect(await reduce(original, 4)).toBeDefined();
    for (const { file, width, height } of await rig.render(original, [{ w: 280 }, { w: 100, fm: 'png' }])) {
      expect(width).toBeGreaterThan(height);
      for (const [index, expected] of QUADRANTS.entries()) {
        const colour = await colourAt(file, index % 2 === 0 ? 0.25 : 0.75, index < 2 ? 0.25 : 0.75);
        expect(Math.max(...expected.map((level, channel) => Math.abs(level - (colour[channel] ?? 0))))).toBeLessThan(8);
      }
    }
  });

  it('fails with the library’s words when the file is damaged', async () => {
    const spoilt = await photo(1200, 900).jpeg({ quality: 90 }).toBuffer();
    spoilt.set([0xff, 0xd7], spoilt.length >> 1);
    expect(await reduce(spoilt, 4)).toBeUndefined();
    for (const transformations of [[{ w: 200 }], [{ w: 200 }, { w: 100 }]]) {
      const { result } = await rig.run(spoilt, transformations);
      const cause = { code: 'decode_failed', message: expect.stringContaining('VipsJpeg: Corrupt JPEG data') };
      expect(result).toMatchObject({ outputs: [], failures: transformations.map((_, index) => ({ index, cause })) });
    }
  });
});
