import { crc32 } from 'node:zlib';
import sharp from 'sharp';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { FRAMES, PICTURES, photo, QUADRANTS, quadrants } from '../../scripts/make-pictures.ts';
import { ask, bothWays, expectColours, expectGolden } from '../support/golden.ts';
import { colourAt, meanDifference, WorkerRig } from '../support/worker-rig.ts';

let rig: WorkerRig;
let picture: Buffer;
beforeAll(async () => {
  rig = await WorkerRig.start();
  picture = await quadrants(320, 240).png().toBuffer();
});
afterAll(() => rig[Symbol.asyncDispose]());

const corners = QUADRANTS.map((colour, at) => [at % 2 ? 0.75 : 0.25, at > 1 ? 0.75 : 0.25, ...colour] as const);

describe('an output', () => {
  it.each([
    ['jpg', 'jpeg', 8],
    ['jpeg', 'jpeg', 8],
    ['png', 'png', 0],
    ['webp', 'webp', 8],
    ['avif', 'avif', 8],
    ['gif', 'gif', 3],
    ['tiff', 'tiff', 0],
    ['tif', 'tiff', 0],
  ] as const)('is written as asked: fm=%s', async (fm, format, levels) => {
    for (const seen of await bothWays(rig, picture, `fm=${fm}&w=160`)) {
      expect(seen).toMatchObject({ format, width: 160, height: 120, frames: 1 });
      await expectColours(seen.file, { ask: fm, colours: corners, levels });
    }
  });

  it.each(['webp', 'avif'])('keeps every pixel: fm=%s&lossless=true', async (fm) => {
    const original = await photo(200, 150).png().toBuffer();
    for (const { file } of await bothWays(rig, original, `fm=${fm}&lossless=true`)) {
      expect(await meanDifference(file, original)).toBe(0);
    }
    const [lossy] = await bothWays(rig, original, `fm=${fm}&q=100`);
    expect(await meanDifference(lossy?.file ?? original, original)).toBeGreaterThan(0);
  });

  it.each(['jpg', 'avif'])('keeps colours at full resolution: fm=%s&chromasub=444', async (fm) => {
    const original = await photo(200, 150).png().toBuffer();
    for (const [chromasub, expected] of [
      ['444', '4:4:4'],
      ['420', '4:2:0'],
    ] as const) {
      for (const { file } of await bothWays(rig, original, `fm=${fm}&chromasub=${chromasub}`)) {
        expect(fm === 'avif' ? avifChroma(file) : (await sharp(file).metadata()).chromaSubsampling).toBe(expected);
      }
    }
  });

  it.each(['jpg', 'webp', 'avif'])('is the shorter the lower its quality: fm=%s', async (fm) => {
    const original = await photo(400, 300).png().toBuffer();
    const seen = await rig.render(
      original,
      ['q=10', 'q=50', '', 'q=95'].map((q) => ask(`fm=${fm}&${q}`)),
    );
    const lengths = seen.map(({ file }) => file.length);
    expect(lengths).toEqual([...lengths].sort((a, b) => a - b));
  });

  it('of a drawing is drawn at its size, however large', async () => {
    const svg = Buffer.from(
      '<svg xmlns="http://www.w3.org/2000/svg" width="20" height="10"><rect width="10" height="10" fill="#c81e14"/><rect x="10" width="10" height="10" fill="#14c81e"/></svg>',
    );
    for (const query of ['w=2000&fit=scale', 'fit=min&w=1000&h=1000', 'rect=5,0,10,10&fit=scale&w=1000']) {
      for (const { file } of await bothWays(rig, svg, query)) {
        // An enlarged edge would be as wide as a hundred pixels.
        const [before, after] = [await colourAt(file, 0.495, 0.5), await colourAt(file, 0.505, 0.5)];
        expect([query, before.slice(0, 3), after.slice(0, 3)]).toEqual([query, [200, 30, 20], [20, 200, 30]]);
      }
    }
  });
});

describe('a page', () => {
  it.each([
    [1, 230],
    [2, 150],
    [3, 70],
  ])('of a TIFF: page=%i', async (page, level) => {
    const original = await PICTURES.pages.make();
    expect(await rig.facts(original)).toMatchObject({ format: 'tiff', width: 300, height: 200, frames: 3 });
    await expectGolden(rig, original, {
      ask: `page=${page}&w=150`,
      size: [150, 100],
      colours: [[0.5, 0.5, level, level, level]],
    });
  });

  it('of a TIFF is the first where none is named, as JPEG', async () => {
    for (const seen of await bothWays(rig, await PICTURES.pages.make(), 'w=150')) {
      expect(seen).toMatchObject({ format: 'jpeg', frames: 1, width: 150, height: 100 });
    }
  });

  it('of an animation is still', async () => {
    for (const name of ['animated', 'animated-film'] as const) {
      for (const frame of [0, 3, FRAMES - 1]) {
        for (const seen of await bothWays(rig, await PICTURES[name].make(), `page=${frame + 1}`)) {
          expect(seen.frames).toBe(1);
          await expectColours(seen.file, {
            ask: name,
            colours: [[(frame + 0.5) / FRAMES, 0.5, 250, 250, 250]],
            levels: 25,
          });
        }
      }
    }
  });

  it('that is not there fails alone, and says how many there are', async () => {
    const { result } = await rig.run(await PICTURES.animated.make(), [ask('page=7'), ask('page=6'), ask('w=20')]);
    expect(result.failures).toMatchObject([
      { index: 0, cause: { code: 'page_missing', message: 'the picture has 6 frames or pages' } },
    ]);
    expect(result.outputs.map(({ index }) => index).sort()).toEqual([1, 2]);
  });

  it('has the size that its own header tells', async () => {
    const pages = [quadrants(320, 240), quadrants(60, 80)].map((image) =>
      image.tiff({ compression: 'none' }).toBuffer(),
    );
    const original = joinedTiff(await Promise.all(pages));
    expect(await rig.facts(original)).toMatchObject({ frames: 2, width: 320 });
    await expectGolden(rig, original, { ask: 'page=2&fm=png', size: [60, 80], colours: corners });
    await expectGolden(rig, original, { ask: 'page=2&fm=png&rect=0,0,30,40&w=15', size: [15, 20], colours: [] });
    const { result } = await rig.run(original, [ask('page=2&rect=100,0,30,40')]);
    expect(result.failures).toMatchObject([{ cause: { code: 'rect_outside' } }]);
  });
});

describe('an animation', () => {
  it.each([
    ['w=120', [120, 80]],
    ['fit=crop&w=80&h=80', [80, 80]],
    ['fit=crop&w=80&h=80&crop=entropy', [80, 80]],
    ['fit=min&w=480&h=480&crop=left', [480, 480]],
    ['fit=fill&w=100&h=100&bg=f0f', [100, 100]],
    ['pad=10', [260, 180]],
    ['flip=v', [240, 160]],
    ['flip=h', [240, 160]],
    ['rot=90', [160, 240]],
    ['rot=45&w=100', [118, 118]],
    ['border-radius=20', [240, 160]],
    ['rect=0,40,240,80', [240, 80]],
    ['orient=6&w=80', [80, 120]],
    ['trim=auto', [200, 160]],
    ['blur=10', [240, 160]],
    ['sharp=10&invert=true', [240, 160]],
    ['bg=80ff0000&pad=4', [248, 168]],
  ] as const)('keeps its frames and their timing: %s', async (query, size) => {
    for (const name of ['animated', 'animated-film'] as const) {
      const original = await PICTURES[name].make();
      const { delay } = await sharp(original).metadata();
      for (const seen of await bothWays(rig, original, query)) {
        const metadata = await sharp(seen.file).metadata();
        const { frames, width, height } = seen;
        expect({ query, name, frames, width, height, delay: metadata.delay }).toEqual({
          query,
          name,
          frames: FRAMES,
          width: size[0],
          height: size[1],
          delay,
        });
      }
    }
  });

  it.each([
    ['flip=h', (frame: number) => [1 - (frame + 0.5) / FRAMES, 0.3]],
    ['flip=v', (frame: number) => [(frame + 0.5) / FRAMES, 0.3]],
    ['rot=90', (frame: number) => [0.3, (frame + 0.5) / FRAMES]],
    ['orient=8', (frame: number) => [0.3, 1 - (frame + 0.5) / FRAMES]],
    ['blur=10', (frame: number) => [(frame + 0.5) / FRAMES, 0.003]],
    ['rect=0,80,240,80&w=120', (frame: number) => [(frame + 0.5) / FRAMES, 0.5]],
  ] as const)('is changed frame by frame: %s', async (query, place) => {
    const original = await PICTURES['animated-film'].make();
    for (const { file } of await bothWays(rig, original, `${query}&lossless=true`)) {
      for (let frame = 0; frame < FRAMES; frame += 1) {
        const [x = 0, y = 0] = place(frame);
        const [level = 0] = await colourAt(file, x, y, frame);
        expect([query, frame, level > 215]).toEqual([query, frame, true]);
      }
    }
  });

  it('in PNG is shown as its first frame', async () => {
    const frames = await Promise.all(
      [quadrants(64, 48), quadrants(64, 48).negate()].map((image) => image.png().toBuffer()),
    );
    const [first, second] = frames;
    const original = animatedPng(first ?? picture, second ?? picture);
    expect(await rig.facts(original)).toMatchObject({ format: 'png', frames: 1, width: 64 });
    await expectGolden(rig, original, { ask: 'w=64', size: [64, 48], colours: corners });
  });
});

/** AV1 in ISOBMFF, section 2.3.3: two bits of the third byte. */
function avifChroma(file: Buffer): string {
  return (file[file.indexOf('av1C') + 6] ?? 0) & 0b1100 ? '4:2:0' : '4:4:4';
}

/** An animated PNG (PNG specification, third edition, section 11.3.4) of two frames of one size. */
function animatedPng(first: Buffer, second: Buffer): Buffer {
  const control = (sequence: number) => {
    const data = Buffer.alloc(26);
    data.writeUInt32BE(sequence, 0);
    first.copy(data, 4, 16, 24);
    data.writeUInt16BE(100, 20);
    data.writeUInt16BE(1_000, 22);
    return chunk('fcTL', data);
  };
  const animation = chunk('acTL', Buffer.from([0, 0, 0, 2, 0, 0, 0, 0]));
  const [header, ...rest] = chunksOf(first);
  const frame = Buffer.concat([
    Buffer.from([0, 0, 0, 2]),
    ...chunksOf(second)
      .filter(isData)
      .map((each) => each.subarray(8, -4)),
  ]);
  const end = rest.at(-1) ?? Buffer.alloc(0);
  return Buffer.concat([
    first.subarray(0, 8),
    header ?? Buffer.alloc(0),
    animation,
    control(0),
    ...rest.slice(0, -1),
    control(1),
    chunk('fdAT', frame),
    end,
  ]);
}

function isData(chunk: Buffer): boolean {
  return chunk.toString('latin1', 4, 8) === 'IDAT';
}

function chunksOf(png: Buffer): Buffer[] {
  const chunks: Buffer[] = [];
  for (let at = 8; at < png.length; at += 12 + png.readUInt32BE(at)) {
    chunks.push(png.subarray(at, at + 12 + png.readUInt32BE(at)));
  }
  return chunks;
}

function chunk(type: string, data: Buffer): Buffer {
  const body = Buffer.concat([Buffer.from(type, 'latin1'), data]);
  const framed = Buffer.alloc(body.length + 8);
  framed.writeUInt32BE(data.length, 0);
  body.copy(framed, 4);
  framed.writeUInt32BE(crc32(body), framed.length - 4);
  return framed;
}

/** TIFFs one after the other in one: offsets of each that follows are moved, and its directory linked to the one before. */
function joinedTiff(tiffs: readonly Buffer[]): Buffer {
  return tiffs.reduce((joined, next) => {
    const moved = Buffer.from(next);
    const by = joined.length;
    const at = moved.readUInt32LE(4);
    for (let entry = at + 2; entry < at + 2 + 12 * moved.readUInt16LE(at); entry += 12) {
      const [tag, type, count] = [
        moved.readUInt16LE(entry),
        moved.readUInt16LE(entry + 2),
        moved.readUInt32LE(entry + 4),
      ];
      const bytes = count * ([0, 1, 1, 2, 4, 8][type] ?? 1);
      const isOffsets = tag === 273;
      if (bytes > 4) {
        const start = moved.readUInt32LE(entry + 8);
        for (let each = 0; isOffsets && each < count; each += 1) {
          moved.writeUInt32LE(moved.readUInt32LE(start + 4 * each) + by, start + 4 * each);
        }
        moved.writeUInt32LE(start + by, entry + 8);
      } else if (isOffsets) moved.writeUInt32LE(moved.readUInt32LE(entry + 8) + by, entry + 8);
    }
    const before = Buffer.from(joined);
    const last = lastDirectory(before);
    before.writeUInt32LE(at + by, last + 2 + 12 * before.readUInt16LE(last));
    return Buffer.concat([before, moved]);
  });
}

function lastDirectory(tiff: Buffer): number {
  let at = tiff.readUInt32LE(4);
  for (;;) {
    const next = tiff.readUInt32LE(at + 2 + 12 * tiff.readUInt16LE(at));
    if (next === 0) return at;
    at = next;
  }
}
