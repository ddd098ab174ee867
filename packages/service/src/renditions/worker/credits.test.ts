import sharp from 'sharp';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { PICTURES, photo } from '../../../../../scripts/make-pictures.ts';
import { hostileExif } from '../../../../../test/support/exif.ts';
import { WorkerRig } from '../../../../../test/support/worker-rig.ts';
import { openTiff } from './tiff.ts';

const ARTIST = 0x013b;
const COPYRIGHT = 0x8298;

describe('meta=copyright', () => {
  let rig: WorkerRig;
  beforeAll(async () => {
    rig = await WorkerRig.start();
  });
  afterAll(() => rig[Symbol.asyncDispose]());

  const signed = (artist: string, copyright: string) =>
    photo(300, 200)
      .withExif({
        IFD0: { Artist: artist, Copyright: copyright, Make: 'A camera', ImageDescription: 'Where we live' },
        IFD3: { GPSLatitudeRef: 'N', GPSLatitude: '51/1 30/1 3230/100' },
      })
      .jpeg()
      .toBuffer();
  const credits = async (file: Buffer) => {
    const { exif, xmp } = await sharp(file).metadata();
    const main = exif && openTiff(exif);
    return { artist: main?.text(ARTIST), copyright: main?.text(COPYRIGHT, 512), xmp: xmp?.toString() ?? '' };
  };

  it.each(['jpg', 'webp', 'avif', 'png'] as const)(
    'writes who made the picture and whose it is into %s, and nothing else',
    async (fm) => {
      const original = await signed('Jane Doe', '(C) 2020 Jane Doe');
      const seen = await rig.render(original, [
        { w: 90, fm, meta: 'copyright' },
        { w: 80, fm, meta: 'copyright', ...(fm !== 'png' && { q: 'auto' }) },
      ]);
      const [alone] = await rig.render(original, [{ w: 70, fm, meta: 'copyright' }]);
      for (const file of [alone, ...seen].map((each) => each?.file ?? Buffer.alloc(0))) {
        expect(await credits(file)).toEqual({ artist: 'Jane Doe', copyright: '(C) 2020 Jane Doe', xmp: '' });
        for (const other of ['A camera', 'Where we live']) expect(file.includes(other)).toBe(false);
        const { exif = Buffer.alloc(0), icc, iptc } = await sharp(file).metadata();
        expect(openTiff(exif)?.pointed(0x8825)).toBeUndefined();
        expect({ icc, iptc }).toEqual({ icc: undefined, iptc: undefined });
      }
    },
  );

  it('writes none where nothing of it is asked for, or the source tells nothing', async () => {
    const original = await signed('Jane Doe', 'hers');
    const [alone] = await rig.render(original, [{ w: 90 }]);
    const [plain, told] = await rig.render(original, [{ w: 90 }, { w: 90, meta: 'copyright' }]);
    for (const seen of [alone, plain]) expect((await sharp(seen?.file).metadata()).exif).toBeUndefined();
    expect((await sharp(told?.file).metadata()).exif).toBeDefined();
    const untold = await rig.render(await PICTURES['baseline-12mp'].make(), [{ w: 90, meta: 'copyright' }, { w: 90 }]);
    expect(untold[0]?.file.equals(untold[1]?.file ?? Buffer.alloc(0))).toBe(true);
    const drawing = await rig.render(await PICTURES.vector.make(), [{ w: 90, fm: 'jpg', meta: 'copyright' }]);
    expect((await sharp(drawing[0]?.file).metadata()).exif).toBeUndefined();
  });

  it('says it in TIFF, and what ASCII has no letters for, as XMP', async () => {
    // As cameras do write it, against the standard.
    const made = await signed('JJJ', 'XXXXXXXXXXXXXXXXXXX');
    const text = Buffer.from('© <b>日本</b> & "Ü"').subarray(0, 30);
    const original = Buffer.from(made);
    const at = original.indexOf('XXXXXXXXXXXXXXXXXXX');
    text.copy(original, at, 0, 19);
    for (const fm of ['jpg', 'tiff'] as const) {
      const [seen] = await rig.render(original, [{ w: 90, fm, meta: 'copyright' }]);
      const { xmp } = await credits(seen?.file ?? Buffer.alloc(0));
      expect(xmp).toContain('<rdf:li>JJJ</rdf:li>');
      expect(xmp).toContain('© &#60;b&#62;日本&#60;/b&#62;');
    }
  });

  it('is short and without controls, whatever the source says', async () => {
    const [long] = await rig.render(await signed('x'.repeat(5_000), `a\u202eb`), [
      { w: 90, fm: 'jpg', meta: 'copyright' },
    ]);
    expect(long?.file.includes('x'.repeat(512))).toBe(true);
    expect(long?.file.includes('x'.repeat(513))).toBe(false);
    for (const { name, bytes } of await hostileExif()) {
      const [seen] = await rig.render(bytes, [{ w: 30, fm: 'jpg', meta: 'copyright' }]);
      expect({ name, short: (seen?.file.length ?? 0) < 5_000 }).toEqual({ name, short: true });
    }
  });
});
