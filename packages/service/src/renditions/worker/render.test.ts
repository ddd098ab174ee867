import sharp from 'sharp';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { FRAMES, PICTURES, type PictureName, photo } from '../../../../../scripts/make-pictures.ts';
import {
  BOXES,
  colourAt,
  corpus,
  hasCorpus,
  meanDifference,
  WorkerRig,
} from '../../../../../test/support/worker-rig.ts';
import { outputSize } from '../plan.ts';

let rig: WorkerRig;
beforeAll(async () => {
  rig = await WorkerRig.start();
});
afterAll(() => rig[Symbol.asyncDispose]());

const picture = (name: PictureName): Promise<Buffer> => PICTURES[name].make();
const near = (actual: readonly number[], expected: readonly number[], levels: number) => {
  const off = expected.map((value, channel) => Math.abs(value - (actual[channel] ?? 0)));
  expect({ actual, within: Math.max(...off) <= levels }).toEqual({ actual, within: true });
};
/** The same box by a decode of all pixels, one output at a time. */
const reference = (original: Buffer, side: number) =>
  sharp(original).autoOrient().resize(side, side, { fit: 'inside', withoutEnlargement: true, fastShrinkOnLoad: false });

describe('the presets of a picture', () => {
  const formats: Readonly<Record<PictureName, string>> = {
    'baseline-12mp': 'jpeg',
    'progressive-6mp': 'jpeg',
    'turned-with-gps': 'jpeg',
    'display-p3': 'jpeg',
    cmyk: 'jpeg',
    grey: 'jpeg',
    'sixteen-bit': 'png',
    alpha: 'png',
    palette: 'png',
    animated: 'gif',
    'animated-film': 'webp',
    still: 'webp',
    modern: 'avif',
    vector: 'png',
    pages: 'jpeg',
  };

  it.each(Object.entries(formats) as [PictureName, string][])('are made of %s, as %s', async (name, format) => {
    const original = await picture(name);
    const source = await rig.facts(original);
    const seen = await rig.render(original, BOXES);
    expect(seen.map((output) => output.format)).toEqual([format, format, format]);
    expect(seen.map(({ width, height }) => ({ width, height }))).toEqual(BOXES.map((box) => outputSize(source, box)));
    expect(new Set(seen.map(({ frames }) => frames))).toEqual(new Set([name.startsWith('animated') ? FRAMES : 1]));
  });

  it('look as if each had been made from all pixels of the original', async () => {
    for (const name of ['baseline-12mp', 'progressive-6mp', 'still', 'sixteen-bit', 'grey'] as const) {
      const original = await picture(name);
      const seen = await rig.render(original, BOXES);
      for (const [index, side] of [600, 300, 100].entries()) {
        const difference = await meanDifference(
          seen[index]?.file ?? Buffer.alloc(0),
          await reference(original, side).png().toBuffer(),
        );
        expect({ name, side, difference: Math.min(difference, 4) === difference || difference }).toMatchObject({
          difference: true,
        });
      }
    }
  });

  it.runIf(hasCorpus)('of photographs are as near to a full decode as the library’s own way', async () => {
    for (const name of ['p12-baseline.jpg', 'photo-bird-6.2mp-base444.jpg', 'photo-picos-8mp-prog.jpg', 'icc-p3.jpg']) {
      const original = await corpus(name);
      const seen = await rig.render(
        original,
        BOXES.map((box) => ({ ...box, q: 95 })),
      );
      for (const [index, side] of [600, 300, 100].entries()) {
        const expected = await reference(original, side).jpeg({ quality: 95 }).toBuffer();
        // Its default path comes to 0.5 to 2.4 levels on these.
        expect(await meanDifference(seen[index]?.file ?? Buffer.alloc(0), expected)).toBeLessThan(2.5);
      }
    }
  });

  it('are never larger than the original', async () => {
    const small = await photo(80, 50).jpeg().toBuffer();
    const seen = await rig.render(small, BOXES);
    expect(seen.map(({ width, height }) => [width, height])).toEqual(BOXES.map(() => [80, 50]));
  });

  it('of a strip keep one pixel of width', async () => {
    const strip = await sharp({ create: { width: 1, height: 5_000, channels: 3, background: '#777' } })
      .png()
      .toBuffer();
    expect((await rig.render(strip, BOXES)).map(({ width, height }) => [width, height])).toEqual([
      [1, 600],
      [1, 300],
      [1, 100],
    ]);
  });
});

describe('a rendition', () => {
  it('stands upright, however the camera was held', async () => {
    const seen = await rig.render(await picture('turned-with-gps'), BOXES);
    for (const { file, width, height } of seen) {
      expect(height).toBeGreaterThan(width);
      near(await colourAt(file, 0.2, 0.3), [200, 30, 20], 12);
      near(await colourAt(file, 0.8, 0.3), [20, 200, 30], 12);
      near(await colourAt(file, 0.5, 0.9), [20, 30, 200], 12);
    }
  });

  it.each([1, 2, 3, 4, 5, 6, 7, 8])('honours EXIF orientation %i', async (orientation) => {
    const upright = sharp(await picture('turned-with-gps')).autoOrient();
    // What undoes each orientation, so that the stored picture and the tag together show the upright one.
    const turns: Record<number, (image: typeof upright) => typeof upright> = {
      1: (image) => image,
      2: (image) => image.flop(),
      3: (image) => image.rotate(180),
      4: (image) => image.flip(),
      5: (image) => image.rotate(270).flop(),
      6: (image) => image.rotate(270),
      7: (image) => image.rotate(90).flop(),
      8: (image) => image.rotate(90),
    };
    const plain = sharp(await upright.png().toBuffer());
    const stored = sharp(await (turns[orientation]?.(plain) ?? plain).png().toBuffer());
    const original = await stored.withMetadata({ orientation }).jpeg({ quality: 95 }).toBuffer();
    const [single] = await rig.render(original, [{ w: 300, h: 300 }]);
    for (const { file, width, height } of [single, ...(await rig.render(original, BOXES))].flatMap((s) => s ?? [])) {
      expect(height).toBeGreaterThan(width);
      near(await colourAt(file, 0.2, 0.3), [200, 30, 20], 30);
      near(await colourAt(file, 0.8, 0.3), [20, 200, 30], 30);
    }
  });

  it('says nothing of who took the picture and where, whether streamed or shared', async () => {
    const original = await picture('turned-with-gps');
    expect(original.includes('Inparticular')).toBe(true);
    for (const fm of ['jpg', 'png', 'webp', 'avif', 'gif'] as const) {
      const [single] = await rig.render(original, [{ w: 300, fm }]);
      for (const seen of [
        single,
        ...(await rig.render(original, [
          { w: 300, fm },
          { w: 100, fm },
        ])),
      ]) {
        const { exif, xmp, iptc, icc, orientation } = await sharp(seen?.file).metadata();
        expect([fm, exif, xmp, iptc, icc, orientation]).toEqual([fm, ...Array(5).fill(undefined)]);
        expect(seen?.file.includes('Inparticular')).toBe(false);
      }
    }
  });

  it('shows in sRGB what the profile of the original means, in 8 bits or 16', async () => {
    const vivid = { width: 400, height: 400, channels: 3, background: { r: 200, g: 90, b: 60 } } as const;
    for (const encode of ['8 bit', '16 bit'] as const) {
      const image = sharp({ create: vivid }).withIccProfile('p3');
      const original = await (encode === '8 bit' ? image.png() : image.toColourspace('rgb16').png()).toBuffer();
      const stored = await sharp(original, { ignoreIcc: true }).raw({ depth: 'uchar' }).toBuffer();
      expect([encode, stored[0] === 200]).toEqual([encode, false]);
      for (const { file } of await rig.render(original, BOXES)) near(await colourAt(file, 0.5, 0.5), [200, 90, 60], 3);
    }
  });

  it('keeps the colours of CMYK, grey and palettes', async () => {
    for (const name of ['cmyk', 'grey', 'palette'] as const) {
      const original = await picture(name);
      const [large] = await rig.render(original, BOXES);
      const expected = await sharp(original).toColourspace('srgb').resize(large?.width, large?.height).png().toBuffer();
      expect(await meanDifference(large?.file ?? Buffer.alloc(0), expected)).toBeLessThan(4);
    }
  });

  it('of grey with 16 bits, and of grey with alpha, is not darkened and not cut open', async () => {
    const grey = { width: 300, height: 200, channels: 3, background: '#b0b0b0' } as const;
    const deep = await sharp({ create: grey }).toColourspace('grey16').png().toBuffer();
    for (const { file } of await rig.render(deep, BOXES)) near(await colourAt(file, 0.5, 0.5), [176, 176, 176], 2);
    const clear = await sharp({ create: { ...grey, channels: 4, background: { r: 176, g: 176, b: 176, alpha: 0.5 } } })
      .toColourspace('b-w')
      .png()
      .toBuffer();
    expect((await rig.facts(clear)).space).toBe('b-w');
    for (const { file } of await rig.render(clear, BOXES))
      near(await colourAt(file, 0.5, 0.5), [176, 176, 176, 128], 2);
  });

  it('keeps transparency where the format has it, and stands on white where it has not', async () => {
    const original = await picture('alpha');
    const seen = await rig.render(original, [
      { w: 200 },
      { w: 200, fm: 'webp' },
      { w: 200, fm: 'jpg' },
      { w: 90, fm: 'jpg' },
    ]);
    for (const { file } of seen.slice(0, 2)) {
      expect((await colourAt(file, 0.02, 0.02))[3]).toBe(0);
      near(await colourAt(file, 0.5, 0.5), [220, 40, 30, 255], 8);
    }
    for (const { file } of seen.slice(2)) near(await colourAt(file, 0.02, 0.02), [255, 255, 255], 3);
  });

  it('of an animation moves as the original does, frame by frame, with its timing', async () => {
    for (const name of ['animated', 'animated-film'] as const) {
      const original = await picture(name);
      for (const { file } of await rig.render(original, [{}, { w: 120 }, { w: 60 }])) {
        const [before, after] = await Promise.all([original, file].map((bytes) => sharp(bytes).metadata()));
        expect(after?.delay).toEqual(before?.delay);
        expect(after?.loop).toEqual(before?.loop);
        for (let frame = 0; frame < FRAMES; frame += 1) {
          near(await colourAt(file, (frame + 0.5) / FRAMES, 0.5, frame), [250, 250, 250], 25);
        }
      }
    }
  });

  it('of an animation in a format that cannot move shows its first frame', async () => {
    const seen = await rig.render(await picture('animated'), [{ fm: 'jpg' }, { w: 120 }, { w: 60, fm: 'avif' }]);
    expect(seen.map(({ frames }) => frames)).toEqual([1, FRAMES, 1]);
    near(await colourAt(seen[0]?.file ?? Buffer.alloc(0), 0.5 / FRAMES, 0.5), [250, 250, 250], 20);
    near(await colourAt(seen[2]?.file ?? Buffer.alloc(0), 0.5 / FRAMES, 0.5), [250, 250, 250], 20);
  });

  it('is written in the format and quality that are asked for', async () => {
    const original = await photo(900, 600).jpeg().toBuffer();
    const asked = ['jpg', 'webp', 'avif'] as const;
    for (const fm of asked) {
      const [low, high] = await rig.render(original, [
        { fm, w: 400, q: 20 },
        { fm, w: 400, q: 90 },
      ]);
      expect(high?.file.length).toBeGreaterThan(2 * (low?.file.length ?? Number.NaN));
      expect(high?.format).toBe(fm === 'jpg' ? 'jpeg' : fm);
    }
  });
});

describe('an original that cannot be decoded', () => {
  it('fails every output with the decoder’s words, and leaves no file', async () => {
    const png = await photo(400, 300).png().toBuffer();
    png.writeUInt8(png.readUInt8(png.length >> 1) ^ 0xff, png.length >> 1);
    for (const boxes of [BOXES, BOXES.slice(0, 1)]) {
      const { folder, result } = await rig.run(png, boxes);
      expect(result.outputs).toEqual([]);
      expect(result.failures.map(({ index }) => index)).toEqual(boxes.map((_, index) => index));
      expect(result.failures[0]?.cause).toEqual({ code: 'decode_failed', message: expect.stringContaining('libpng') });
      await expect(rig.see(folder, 0)).rejects.toThrow('cannot be opened');
    }
  });

  it('is not passed over when a JPEG was cut but given an end', async () => {
    const jpeg = await photo(1200, 900).jpeg().toBuffer();
    const cut = Buffer.concat([jpeg.subarray(0, jpeg.length / 2), Buffer.from([0xff, 0xd9])]);
    const { result } = await rig.run(cut, BOXES);
    expect(result.failures[0]?.cause.code).toBe('decode_failed');
  });

  it('fails alone when a format cannot hold an output', async () => {
    const tall = await sharp({ create: { width: 4, height: 20_000, channels: 3, background: '#123' } })
      .png()
      .toBuffer();
    const { result } = await rig.run(tall, [{ fm: 'webp' }, { fm: 'png' }, { h: 100, fm: 'webp' }]);
    expect(result.failures).toMatchObject([{ index: 0, cause: { code: 'output_too_large' } }]);
    expect(result.outputs.map(({ index }) => index).sort()).toEqual([1, 2]);
  });
});
