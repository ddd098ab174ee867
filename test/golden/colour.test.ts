import sharp from 'sharp';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { PICTURES, QUADRANTS, quadrants } from '../../scripts/make-pictures.ts';
import { bothWays, type ColourAt, expectGolden } from '../support/golden.ts';
import { colourAt, WorkerRig } from '../support/worker-rig.ts';

let rig: WorkerRig;
let picture: Buffer;
beforeAll(async () => {
  rig = await WorkerRig.start();
  picture = await quadrants(320, 240).png().toBuffer();
});
afterAll(() => rig[Symbol.asyncDispose]());

const SIZE = [320, 240] as const;
const MAGENTA = [255, 0, 255, 255] as const;
const [, , BLUE] = QUADRANTS;

describe('an adjustment of the upper left corner, which is 200, 30, 20', () => {
  it.each<readonly [string, readonly [number, number, number]]>([
    ['bri=20', [251, 81, 71]],
    ['bri=-100', [0, 0, 0]],
    ['bri=100', [255, 255, 255]],
    ['con=50', [236, 0, 0]],
    ['con=-100', [128, 128, 128]],
    ['con=-50&bri=10', [177, 92, 87]],
    ['gam=100', [235, 125, 109]],
    ['gam=-100', [123, 0, 0]],
    ['sat=-100', [65, 65, 65]],
    ['sat=50', [255, 12, 0]],
    ['hue=180', [0, 101, 111]],
    ['hue=0', [200, 30, 20]],
    ['invert=true', [55, 225, 235]],
    ['sepia=100', [105, 94, 73]],
    ['sepia=50', [153, 62, 47]],
    ['monochrome=00f', [0, 0, 65]],
    ['monochrome=80ffffff', [132, 48, 43]],
    ['sat=-100&invert=true', [190, 190, 190]],
    ['invert=true&sepia=100', [239, 213, 166]],
    ['bri=20&fm=jpg&q=100&chromasub=444', [251, 81, 71]],
  ])('%s makes %j', async (ask, colour) => {
    await expectGolden(rig, picture, { ask, size: SIZE, colours: [[0.25, 0.25, ...colour]], levels: 3 });
  });

  it('does not reach the background', async () => {
    const ask = 'invert=true&bri=20&blur=20&pad=20&bg=f0f';
    const colours: ColourAt[] = [
      [0.01, 0.01, ...MAGENTA],
      [0.99, 0.5, ...MAGENTA],
    ];
    await expectGolden(rig, picture, { ask, size: [360, 280], colours });
  });

  it('leaves transparency as it is', async () => {
    const colours: ColourAt[] = [
      [0.02, 0.02, 0, 0, 0, 0],
      [0.5, 0.5, 35, 215, 225, 255],
    ];
    const { alpha } = PICTURES;
    for (const fm of ['png', 'webp&lossless=true', 'tiff']) {
      const [seen] = await bothWays(rig, await alpha.make(), `invert=true&fm=${fm}`);
      expect((await colourAt(seen?.file ?? picture, 0.02, 0.02))[3]).toBe(0);
      await expectGolden(rig, await alpha.make(), {
        ask: `invert=true&fm=${fm}`,
        size: [500, 500],
        colours: colours.slice(1),
      });
    }
    const onYellow: ColourAt[] = [[0.02, 0.02, 255, 255, 0, 255], colours[1] ?? [0, 0]];
    await expectGolden(rig, await alpha.make(), { ask: 'invert=true&bg=ff0', size: [500, 500], colours: onYellow });
  });

  it('may give grey a colour, and background around it', async () => {
    const grey = await quadrants(320, 240).toColourspace('b-w').png().toBuffer();
    expect((await rig.facts(grey)).space).toBe('b-w');
    const [level = 0] = await sharp(grey).extract({ left: 9, top: 9, width: 1, height: 1 }).raw().toBuffer();
    const at = (ask: string, ...colour: number[]) =>
      expectGolden(rig, grey, { ask, size: SIZE, colours: [[0.1, 0.1, ...colour]] });
    await at('monochrome=f00', level, 0, 0);
    await at('invert=true', 255 - level, 255 - level, 255 - level);
    await at('sat=-100&bri=10', level + 26, level + 26, level + 26);
    await expectGolden(rig, grey, { ask: 'pad=10&bg=f0f', size: [340, 260], colours: [[0.01, 0.01, ...MAGENTA]] });
    await expectGolden(rig, grey, { ask: 'pad=10', size: [340, 260], colours: [[0.01, 0.01, 0, 0, 0, 0]] });
    const jpeg = 'pad=10&bg=f0f&fm=jpg&q=100&chromasub=444';
    await expectGolden(rig, grey, { ask: jpeg, size: [340, 260], colours: [[0.01, 0.01, ...MAGENTA]], levels: 4 });
    await expectGolden(rig, grey, { ask: 'border-radius=50', size: SIZE, colours: [[0.01, 0.01, 0, 0, 0, 0]] });
  });
});

describe('neighbours', () => {
  it.each(['blur=4', 'blur=20', 'blur=80', 'blur=200'])(
    'run into each other, and not over the edge: %s',
    async (ask) => {
      const soft = [110, 115, 25] as const;
      const colours: ColourAt[] = [[0.5, 0.01, ...soft]];
      await expectGolden(rig, picture, { ask, size: SIZE, colours, levels: 25 });
      const far: ColourAt[] = ask === 'blur=200' ? [] : [[0.01, 0.99, ...BLUE]];
      await expectGolden(rig, picture, { ask, size: SIZE, colours: far, levels: ask === 'blur=80' ? 12 : 2 });
    },
  );

  it('are set off from each other by sharp, the more the higher', async () => {
    const steps = await sharp(Buffer.from([...Array(50).fill(100), ...Array(50).fill(150)]), {
      raw: { width: 100, height: 1, channels: 1 },
    })
      .resize(100, 20, { fit: 'fill', kernel: 'nearest' })
      .toColourspace('srgb')
      .png()
      .toBuffer();
    const edge = async (ask: string) => {
      const [seen] = await bothWays(rig, steps, ask);
      const [left = 0] = await colourAt(seen?.file ?? steps, 0.495, 0.5);
      const [calm = 0] = await colourAt(seen?.file ?? steps, 0.1, 0.5);
      expect(calm).toBe(100);
      return left;
    };
    const [none, some, much] = [await edge('w=100'), await edge('sharp=20'), await edge('sharp=100')];
    expect(none).toBe(100);
    expect(some).toBeLessThan(none);
    expect(much).toBeLessThan(some);
  });
});

describe('a wide gamut', () => {
  /** A red that sRGB does not have. */
  const vivid = () =>
    sharp(Buffer.alloc(320 * 240 * 3, Buffer.from([255, 10, 10])), { raw: { width: 320, height: 240, channels: 3 } })
      .pipelineColourspace('rgb16')
      .withIccProfile('p3');
  const stored = (file: Buffer) => sharp(file, { ignoreIcc: true }).raw({ depth: 'uchar' }).toBuffer();

  it.each(['jpg&q=95', 'png', 'webp', 'avif', 'tiff'])('is kept with its profile: icc=p3&fm=%s', async (fm) => {
    for (const original of [await vivid().png().toBuffer(), await vivid().jpeg({ quality: 98 }).toBuffer()]) {
      const [own = 0] = await stored(original);
      for (const { file } of await bothWays(rig, original, `w=100&icc=p3&fm=${fm}`)) {
        const { icc, hasProfile } = await sharp(file).metadata();
        expect([hasProfile, icc?.includes('P3') || icc?.includes(Buffer.from('P3', 'utf16le').swap16())]).toEqual([
          true,
          true,
        ]);
        const [red = 0, green = 0, blue = 0] = await stored(file);
        expect(Math.abs(red - own)).toBeLessThan(5);
        expect(Math.max(green, blue)).toBeGreaterThan(4);
      }
    }
  });

  it('becomes sRGB otherwise, and where the format or the source has no profile', async () => {
    const original = await vivid().png().toBuffer();
    for (const ask of ['w=100', 'w=100&icc=srgb', 'w=100&icc=p3&fm=gif']) {
      const [seen] = await bothWays(rig, original, ask);
      expect((await sharp(seen?.file).metadata()).hasProfile).toBe(false);
      expect((await colourAt(seen?.file ?? original, 0.5, 0.5)).slice(0, 3)).toEqual([255, 0, 0]);
    }
    const [plain] = await bothWays(rig, picture, 'icc=p3');
    expect((await sharp(plain?.file).metadata()).hasProfile).toBe(false);
  });

  it('goes through every operation', async () => {
    const original = await vivid().png().toBuffer();
    const ask = 'icc=p3&fit=crop&w=60&h=80&flip=h&rot=30&pad=3&bg=f0f&blur=2&sharp=5&border-radius=5';
    for (const { file } of await bothWays(rig, original, ask))
      expect((await sharp(file).metadata()).hasProfile).toBe(true);
  });
});

describe('a source of another kind', () => {
  it.each([
    ['16 bits a sample', () => quadrants(320, 240).toColourspace('rgb16').png().toBuffer(), 2],
    ['16 bits with a profile', () => wide().toColourspace('rgb16').png().toBuffer(), 3],
    ['CMYK', () => quadrants(320, 240).toColourspace('cmyk').tiff().toBuffer(), 2],
    ['a palette', () => quadrants(320, 240).png({ palette: true }).toBuffer(), 2],
    ['Display P3', () => wide().png().toBuffer(), 3],
    ['TIFF', () => quadrants(320, 240).tiff({ compression: 'lzw' }).toBuffer(), 2],
    ['BigTIFF in tiles', () => quadrants(320, 240).tiff({ bigtiff: true, tile: true }).toBuffer(), 12],
    ['a TIFF of JPEG', () => quadrants(320, 240).tiff({ compression: 'jpeg', quality: 98 }).toBuffer(), 12],
    ['lossless WebP', () => quadrants(320, 240).webp({ lossless: true }).toBuffer(), 2],
    ['AVIF', () => quadrants(320, 240).avif({ quality: 90, effort: 0 }).toBuffer(), 12],
  ] as const)('is cut, turned and toned as any other: %s', async (kind, make, levels) => {
    const original = await make();
    // What the generic profile of CMYK makes of a colour is not what it was.
    const reads = (x: number) =>
      kind === 'CMYK' ? colourAt(original, x, 0.25) : Promise.resolve(QUADRANTS[x < 0.5 ? 0 : 1]);
    const [red, green] = await Promise.all([reads(0.25), reads(0.75)]);
    const inverted = (colour: readonly number[]) => colour.map((level) => 255 - level);
    const size = [100, 100] as const;
    const colours: ColourAt[] = [
      [0.25, 0.25, ...green],
      [0.25, 0.75, ...red],
    ];
    const cut = 'fm=png&rect=60,0,200,120&fit=crop&w=100&h=100&rot=270';
    await expectGolden(rig, original, { ask: cut, size, colours, levels });
    const negative: ColourAt[] = [
      [0.25, 0.25, ...inverted(red)],
      [0.75, 0.25, ...inverted(green)],
    ];
    await expectGolden(rig, original, {
      ask: 'fm=png&invert=true&fit=scale&w=100&h=100',
      size,
      colours: negative,
      levels,
    });
  });

  const wide = () => quadrants(320, 240).withIccProfile('p3');
});
