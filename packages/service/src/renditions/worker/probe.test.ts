import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { FRAMES, PICTURES, photo } from '../../../../../scripts/make-pictures.ts';
import { hostileCorpus } from '../../../../../test/support/pictures.ts';
import { BOXES, corpus, hasCorpus, WorkerRig } from '../../../../../test/support/worker-rig.ts';
import { BOUNDS_DEFAULT } from '../bounds.ts';

let rig: WorkerRig;
beforeAll(async () => {
  rig = await WorkerRig.start();
});
afterAll(() => rig[Symbol.asyncDispose]());

describe('the facts of an original', () => {
  it('are those of the upright picture', async () => {
    const bytes = await PICTURES['turned-with-gps'].make();
    expect(await rig.facts(bytes)).toEqual({
      format: 'jpeg',
      bytes: bytes.length,
      width: 400,
      height: 600,
      frames: 1,
      orientation: 6,
      hasAlpha: false,
      space: 'srgb',
      depth: 'uchar',
      hasProfile: true,
      progressive: false,
      palette: false,
      header: { location: { latitude: 51.4772222, longitude: 0.0013889 } },
    });
  });

  it('tell what a plan and a prediction need to know', async () => {
    const facts = async (name: keyof typeof PICTURES) => rig.facts(await PICTURES[name].make());
    expect(await facts('progressive-6mp')).toMatchObject({ width: 3000, height: 2000, progressive: true });
    expect(await facts('animated')).toMatchObject({ format: 'gif', width: 240, height: 160, frames: FRAMES });
    expect(await facts('animated-film')).toMatchObject({ format: 'webp', frames: FRAMES });
    expect(await facts('alpha')).toMatchObject({ format: 'png', hasAlpha: true });
    expect(await facts('palette')).toMatchObject({ palette: true });
    expect(await facts('sixteen-bit')).toMatchObject({ depth: 'ushort' });
    expect(await facts('cmyk')).toMatchObject({ space: 'cmyk' });
    expect(await facts('display-p3')).toMatchObject({ hasProfile: true });
    expect(await facts('modern')).toMatchObject({ format: 'avif', width: 1200, height: 800 });
    expect(await facts('vector')).toMatchObject({ format: 'svg', width: 800, height: 500 });
  });

  it('cost a few milliseconds', async () => {
    const bytes = await PICTURES['baseline-12mp'].make();
    const spent: number[] = [];
    for (let round = 0; round < 9; round += 1) spent.push((await rig.probe(bytes)).cpuMs);
    expect(spent.sort((a, b) => a - b)[4]).toBeLessThan(10);
  });
});

describe('the probe refuses', () => {
  const text = (content: string) => Buffer.from(content);

  it.each([
    ['an empty file', Buffer.alloc(0)],
    ['text', text('This is not a picture.')],
    ['a web page', text('<!doctype html><html><body><svg/></body></html>')],
    ['an archive', Buffer.concat([Buffer.from('504b0304', 'hex'), Buffer.alloc(200)])],
  ])('%s, as no image', async (_, bytes) => expect((await rig.rejection(bytes)).code).toBe('not_an_image'));

  it('a format that it knows but does not decode, and says what to send', async () => {
    const bitmap = Buffer.concat([Buffer.from('BM'), Buffer.alloc(20)]);
    expect(await rig.rejection(bitmap)).toEqual({
      code: 'unsupported_format',
      message: 'the file is BMP by its content; send JPEG, PNG, WebP, GIF, AVIF, TIFF or SVG',
    });
  });

  it('what crosses a bound, naming it with its limit and what was found', async () => {
    const bytes = await photo(300, 200).jpeg().toBuffer();
    const rejected = async (bounds: Partial<typeof BOUNDS_DEFAULT>, original = bytes) =>
      rig.rejection(original, { ...BOUNDS_DEFAULT, ...bounds });
    expect(await rejected({ pixelsMax: 59_999 })).toEqual({
      code: 'too_many_pixels',
      message: 'the picture has 60000 pixels over all frames, more than the 59999 allowed',
      bound: { name: 'pixelsMax', limit: 59_999, actual: 60_000 },
    });
    expect(await rejected({ sideMax: 299 })).toMatchObject({ code: 'side_too_long', bound: { actual: 300 } });
    const animated = await PICTURES.animated.make();
    const film = { code: 'too_many_frames', bound: { name: 'framesMax', limit: FRAMES - 1, actual: FRAMES } };
    expect(await rejected({ framesMax: FRAMES - 1 }, animated)).toMatchObject(film);
    expect(await rejected({ framesMax: FRAMES - 1 }, await PICTURES['animated-film'].make())).toMatchObject(film);
    expect(await rejected({ pixelsMax: 240 * 160 * FRAMES - 1 }, animated)).toMatchObject({ code: 'too_many_pixels' });
    const vector = await PICTURES.vector.make();
    expect(await rejected({ svgBytesMax: vector.length - 1 }, vector)).toMatchObject({ code: 'svg_too_long' });
    expect(await rig.facts(bytes)).toMatchObject({ width: 300 });
  });

  it('a side that no picture has, from the header alone', async () => {
    const png = await photo(30, 20).png().toBuffer();
    png.writeUInt32BE(0x7fffffff, 16);
    expect(await rig.rejection(png)).toMatchObject({ code: 'side_too_long', bound: { actual: 0x7fffffff } });
  });

  it('an SVG that refers outside of itself, and says why', async () => {
    const svg = text(
      '<svg xmlns="http://www.w3.org/2000/svg" width="9" height="9"><image href="file:///etc/hostname"/></svg>',
    );
    expect(await rig.rejection(svg)).toMatchObject({ code: 'unsafe_svg', message: expect.stringContaining('href') });
  });

  it('a header that cannot be read, without paths in what it says', async () => {
    const broken = text('<svg xmlns="http://www.w3.org/2000/svg" width="9" height="9"><rect></svg>');
    const { code, message } = await rig.rejection(broken);
    expect(code).toBe('corrupt_header');
    expect(message).not.toContain('/');
  });
});

describe.runIf(hasCorpus)('of a collection of real pictures', () => {
  const PICTURE_NAMES = ['anim-face.gif', 'anim-face.webp', 'art-stripes-24mp-base444.jpg', 'cmyk.jpg', 'gray.jpg'];

  it.each([...PICTURE_NAMES, 'rgb16.png', 'photo-3.2mp.avif', 'vector-emerald.svg', 'graphic-alpha.png'])(
    '%s is accepted and rendered',
    async (name) => {
      expect(await rig.render(await corpus(name), BOXES)).toHaveLength(BOXES.length);
    },
  );

  it('HEIC is refused with the reason, where its codec is missing', async () => {
    const { code, message } = await rig.rejection(await corpus('photo-3.2mp.heic'));
    expect([code, message]).toEqual(['unsupported_format', expect.stringContaining('HEVC')]);
  });
});

/** Everything that was made to hurt, and what becomes of it. `renders`: it is odd, but a picture. */
const HOSTILE: Readonly<Record<string, string>> = {
  'avif-lying-ispe.avif': 'too_many_pixels',
  'bad-crc.png': 'fails: decode_failed',
  // The flipped bit lands where libjpeg finds nothing to complain about.
  'bitflip-1.jpg': 'renders',
  'bomb-20000x20000-rgb.png': 'too_many_pixels',
  'claims-2e31.png': 'side_too_long',
  'empty.jpg': 'not_an_image',
  'gif-4000x4000-20000frames.gif': 'too_many_frames',
  'html-as.jpg': 'not_an_image',
  'prog-coef-bomb-16000x16000.jpg': 'too_many_pixels',
  'strip-1x60000.png': 'renders',
  'svg-use-bomb.svg': 'fails: decode_failed',
  'svg-xxe.svg': 'unsafe_svg',
  'truncated-50.jpg': 'truncated',
  'truncated-hdr.jpg': 'truncated',
  'truncated.gif': 'truncated',
  'truncated.png': 'truncated',
  'zip-as.png': 'not_an_image',
};

describe.runIf(hasCorpus)('hostile files', () => {
  it('are all known here', () => {
    expect(hostileCorpus().map(({ name }) => name)).toEqual(expect.arrayContaining(Object.keys(HOSTILE)));
    expect(Object.keys(HOSTILE)).toEqual(expect.arrayContaining(hostileCorpus().map(({ name }) => name)));
  });

  it.each(Object.entries(HOSTILE))('%s: %s', async (name, expected) => {
    const bytes = hostileCorpus().find((file) => file.name === name)?.bytes ?? Buffer.alloc(0);
    const probed = await rig.probe(bytes);
    if ('rejection' in probed) return expect(probed.rejection.code).toBe(expected);
    const { result } = await rig.run(bytes, BOXES);
    const [failure] = result.failures;
    return expect(failure ? `fails: ${failure.cause.code}` : 'renders').toBe(expected);
  });
});
