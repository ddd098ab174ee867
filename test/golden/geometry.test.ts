import sharp from 'sharp';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { bordered, patch, QUADRANTS, quadrants } from '../../scripts/make-pictures.ts';
import { bothWays, type ColourAt, expectGolden, type Golden } from '../support/golden.ts';
import { WorkerRig } from '../support/worker-rig.ts';

let rig: WorkerRig;
let picture: Buffer;
beforeAll(async () => {
  rig = await WorkerRig.start();
  picture = await quadrants(320, 240).png().toBuffer();
});
afterAll(() => rig[Symbol.asyncDispose]());

const [RED, GREEN, BLUE, YELLOW] = QUADRANTS;
const CLEAR = [0, 0, 0, 0];
const MAGENTA = [255, 0, 255, 255];
const at = (x: number, y: number, colour: readonly number[]): ColourAt => [x, y, ...colour];
/** The four, each in the middle of its corner. */
const corners = (...[first, second, third, fourth]: readonly (readonly number[])[]): ColourAt[] => [
  at(0.25, 0.25, first ?? []),
  at(0.75, 0.25, second ?? []),
  at(0.25, 0.75, third ?? []),
  at(0.75, 0.75, fourth ?? []),
];
const ALL = corners(RED, GREEN, BLUE, YELLOW);

const row = (ask: string, size: readonly [number, number], colours: readonly ColourAt[] = ALL): Golden => ({
  ask,
  size,
  colours,
});
const rows = (goldens: readonly Golden[]) => goldens.map((golden) => [golden.ask, golden] as const);
const check = (_: string, golden: Golden) => expectGolden(rig, picture, golden);

describe('a box', () => {
  it.each(
    rows([
      row('w=160', [160, 120]),
      row('h=60', [80, 60]),
      row('w=100&h=100', [100, 75]),
      row('w=50&h=50&dpr=2', [100, 75]),
      row('w=33&dpr=3', [99, 74]),
      row('w=1000', [320, 240]),
      row('fit=clip&w=100&h=100', [100, 75]),
      row('fit=max&w=1&h=1', [1, 1], []),
      row('fit=scale&w=100&h=200', [100, 200]),
      row('fit=scale&w=640', [640, 480]),
      row('fit=scale&w=400&h=10', [400, 10]),
      row('w=3&h=16384', [3, 2], []),
    ]),
  )('%s', check);
});

describe('a box that is covered', () => {
  it.each(
    rows([
      row('fit=crop&w=100&h=100', [100, 100]),
      row('fit=crop&w=640&h=640', [240, 240]),
      row('fit=crop&w=200&h=20', [200, 20], [at(0.25, 0.2, RED), at(0.75, 0.2, GREEN), at(0.25, 0.8, BLUE)]),
      row('fit=crop&w=100', [100, 75]),
      row('fit=min&w=640&h=640', [640, 640]),
      row('fit=min&w=1000&h=40', [1000, 40], [at(0.1, 0.1, RED), at(0.9, 0.9, YELLOW)]),
      row('fit=min&h=480', [640, 480]),
      row('fit=crop&ar=1:1', [240, 240]),
      row('fit=crop&ar=2:1&w=100', [100, 50]),
      row('fit=crop&ar=1:2&h=100', [50, 100]),
      row('fit=min&ar=1.6:1&w=800', [800, 500]),
      row('fit=crop&ar=16:9', [320, 180]),
    ]),
  )('%s', check);

  it.each(
    rows([
      row('fit=crop&crop=left&w=100&h=100', [100, 100], [at(0.6, 0.2, RED), at(0.72, 0.2, GREEN)]),
      row('fit=crop&crop=right&w=100&h=100', [100, 100], [at(0.28, 0.2, RED), at(0.4, 0.2, GREEN)]),
      row('fit=crop&crop=top&w=160&h=80', [160, 80], [at(0.2, 0.7, RED), at(0.2, 0.8, BLUE)]),
      row('fit=crop&crop=bottom&w=160&h=80', [160, 80], [at(0.2, 0.2, RED), at(0.2, 0.3, BLUE)]),
      row('fit=crop&crop=top,left&w=100&h=100', [100, 100], [at(0.6, 0.4, RED), at(0.72, 0.6, YELLOW)]),
      row('fit=crop&crop=right,bottom&w=160&h=80', [160, 80], [at(0.4, 0.2, RED), at(0.6, 0.3, YELLOW)]),
      row('fit=crop&crop=focalpoint&fp-x=0&w=100&h=100', [100, 100], [at(0.6, 0.2, RED), at(0.72, 0.2, GREEN)]),
      row('fit=crop&crop=focalpoint&fp-x=0.9&w=100&h=100', [100, 100], [at(0.28, 0.2, RED), at(0.4, 0.2, GREEN)]),
      row('fit=crop&crop=focalpoint&fp-y=1&w=160&h=80', [160, 80], [at(0.2, 0.2, RED), at(0.2, 0.3, BLUE)]),
      row('fit=min&crop=left&w=480&h=480', [480, 480], [at(0.6, 0.2, RED), at(0.72, 0.2, GREEN)]),
    ]),
  )('keeps a side: %s', check);

  it.each(['entropy', 'edges'])('keeps what is lively: crop=%s', async (way) => {
    for (const x of [0.12, 0.88]) {
      const original = await patch(320, 160, x, 0.5).png().toBuffer();
      for (const ask of [`fit=crop&crop=${way}&w=80&h=80`, `fit=min&crop=${way}&w=320&h=320`]) {
        for (const { file } of await bothWays(rig, original, ask)) {
          // The patch has hardly any blue, and grey has as much as of the others.
          expect([ask, ((await sharp(file).stats()).channels[2]?.min ?? 255) < 80]).toEqual([ask, true]);
        }
      }
    }
  });
});

describe('a box that is filled up', () => {
  it.each(
    rows([
      row(
        'fit=fill&w=400&h=400&bg=f0f',
        [400, 400],
        [at(0.5, 0.05, MAGENTA), at(0.25, 0.14, RED), at(0.75, 0.85, YELLOW)],
      ),
      row('fit=fill&w=100&h=100', [100, 100], [at(0.5, 0.05, CLEAR), at(0.25, 0.25, RED), at(0.5, 0.95, CLEAR)]),
      row('fit=fill&w=200&h=100', [200, 100], [at(0.1, 0.5, CLEAR), at(0.2, 0.25, RED), at(0.9, 0.5, CLEAR)]),
      row('fit=fillmax&w=400&h=400&bg=f0f', [400, 400], [at(0.05, 0.5, MAGENTA), at(0.25, 0.25, RED)]),
      row('fit=fillmax&w=160&h=160&bg=f0f', [160, 160], [at(0.5, 0.05, MAGENTA), at(0.05, 0.25, RED)]),
      row('fit=fill&w=640', [640, 480]),
      row('fit=fillmax&w=640&bg=f0f', [320, 240]),
      row('fit=fill&w=100&h=100&fm=jpg&q=100&chromasub=444', [100, 100], [at(0.5, 0.05, [255, 255, 255])]),
    ]),
  )('%s', check);
});

describe('an area of the source', () => {
  it.each(
    rows([
      row('rect=160,0,160,120', [160, 120], corners(GREEN, GREEN, GREEN, GREEN)),
      row('rect=300,200,100,100', [20, 40], corners(YELLOW, YELLOW, YELLOW, YELLOW)),
      row('rect=150,110,20,20&w=10', [10, 10], corners(RED, GREEN, BLUE, YELLOW)),
      row('rect=150,110,20,20&w=100&fit=scale&h=50', [100, 50], [at(0.1, 0.1, RED), at(0.9, 0.9, YELLOW)]),
      row('rect=0,0,320,240', [320, 240]),
      row('orient=6&rect=0,0,120,160', [120, 160], corners(BLUE, BLUE, BLUE, BLUE)),
      row('orient=5&rect=120,0,999,160', [120, 160], corners(BLUE, BLUE, BLUE, BLUE)),
      row('orient=2&rect=0,0,160,120', [160, 120], corners(GREEN, GREEN, GREEN, GREEN)),
      row('orient=3&rect=0,120,160,120', [160, 120], corners(GREEN, GREEN, GREEN, GREEN)),
      row('orient=4&rect=0,0,160,120', [160, 120], corners(BLUE, BLUE, BLUE, BLUE)),
      row('orient=7&rect=0,0,120,160', [120, 160], corners(YELLOW, YELLOW, YELLOW, YELLOW)),
      row('orient=8&rect=100,140,40,40', [40, 40], corners(GREEN, YELLOW, RED, BLUE)),
    ]),
  )('%s', check);

  it('is cut from a JPEG that its decoder makes smaller as from any other', async () => {
    const jpeg = await quadrants(1600, 1200).jpeg({ quality: 95, chromaSubsampling: '4:4:4' }).toBuffer();
    for (const [turned, expected] of [
      ['', [RED, GREEN, BLUE, YELLOW]],
      ['orient=6&', [BLUE, RED, YELLOW, GREEN]],
    ] as const) {
      const rect = turned ? 'rect=500,700,200,200' : 'rect=700,500,200,200';
      for (const width of [200, 90, 40, 20]) {
        const ask = `${turned}${rect}&w=${width}&fm=png`;
        const size = [width, width] as const;
        await expectGolden(rig, jpeg, { ask, size, colours: corners(...expected), levels: 8 });
        // The edges are where they belong, within a pixel.
        const [before, after] = [(width / 2 - 1.5) / width, (width / 2 + 1.5) / width];
        const edges = [
          at(before, 0.25, expected[0]),
          at(after, 0.25, expected[1]),
          at(0.25, before, expected[0]),
          at(0.25, after, expected[2]),
        ];
        await expectGolden(rig, jpeg, { ask, size, colours: edges, levels: 40 });
      }
    }
  });
});

describe('orientation', () => {
  const upright: Readonly<Record<number, readonly (readonly number[])[]>> = {
    1: [RED, GREEN, BLUE, YELLOW],
    2: [GREEN, RED, YELLOW, BLUE],
    3: [YELLOW, BLUE, GREEN, RED],
    4: [BLUE, YELLOW, RED, GREEN],
    5: [RED, BLUE, GREEN, YELLOW],
    6: [BLUE, RED, YELLOW, GREEN],
    7: [YELLOW, GREEN, BLUE, RED],
    8: [GREEN, YELLOW, RED, BLUE],
  };

  it.each(Object.keys(upright).map(Number))('%i is taken instead of that of the source', async (orient) => {
    const turned = await quadrants(320, 240)
      .withMetadata({ orientation: 6 })
      .jpeg({ chromaSubsampling: '4:4:4', quality: 97 })
      .toBuffer();
    const size = orient > 4 ? ([120, 160] as const) : ([160, 120] as const);
    const colours = corners(...(upright[orient] ?? []));
    await expectGolden(rig, turned, { ask: `orient=${orient}&h=${size[1]}`, size, colours, levels: 12 });
  });

  it.each(
    rows([
      row('flip=h', [320, 240], corners(GREEN, RED, YELLOW, BLUE)),
      row('flip=v', [320, 240], corners(BLUE, YELLOW, RED, GREEN)),
      row('flip=hv&w=80', [80, 60], corners(YELLOW, BLUE, GREEN, RED)),
      row('flip=h&orient=6&w=120', [120, 160], corners(RED, BLUE, GREEN, YELLOW)),
      row('rot=90&w=80', [60, 80], corners(BLUE, RED, YELLOW, GREEN)),
      row('rot=180', [320, 240], corners(YELLOW, BLUE, GREEN, RED)),
      row('rot=270', [240, 320], corners(GREEN, YELLOW, RED, BLUE)),
      row('flip=h&rot=90', [240, 320], corners(YELLOW, GREEN, BLUE, RED)),
      row('rot=45', [396, 396], [at(0.02, 0.02, CLEAR), at(0.5, 0.3, RED), at(0.7, 0.5, GREEN), at(0.5, 0.7, YELLOW)]),
      row('rot=45&bg=f0f', [396, 396], [at(0.02, 0.02, MAGENTA), at(0.3, 0.5, BLUE)]),
      row('rot=30&fm=jpg', [397, 368], [at(0.02, 0.02, [255, 255, 255])]),
      row('fit=fill&w=100&h=60&rot=90&bg=f0f', [60, 100], [at(0.5, 0.02, MAGENTA), at(0.25, 0.25, BLUE)]),
    ]),
  )('after the box: %s', check);
});

describe('a border', () => {
  const border = { left: 20, top: 10, right: 30, bottom: 40 };

  it.each([
    ['trim=auto', [270, 190]],
    ['trim=auto&w=135', [135, 95]],
    ['trim=auto&rect=10,0,310,200&w=27', [27, 19]],
    ['trim=auto&fit=crop&w=50&h=50', [50, 50]],
    ['trim=auto&pad=5', [280, 200]],
    ['orient=6&trim=auto', [190, 270]],
  ] as const)('is cut off: %s', async (ask, size) => {
    const framed = await bordered(320, 240, border).png().toBuffer();
    const expected = ask.startsWith('orient') ? corners(BLUE, RED, YELLOW, GREEN) : ALL;
    await expectGolden(rig, framed, { ask, size, colours: expected });
  });

  it.each([
    ['trim=auto&trim-tol=10', [320, 240]],
    ['trim=auto&trim-tol=30', [270, 190]],
  ] as const)('may differ from its corner by so much: %s', async (ask, size) => {
    const framed = bordered(320, 240, border).composite([
      { input: { create: { width: 1, height: 240, channels: 3, background: '#e8e8e8' } }, left: 319, top: 0 },
      { input: { create: { width: 320, height: 1, channels: 3, background: '#e8e8e8' } }, left: 0, top: 239 },
      { input: { create: { width: 1, height: 1, channels: 3, background: '#e8e8e8' } }, left: 0, top: 1 },
      { input: { create: { width: 1, height: 1, channels: 3, background: '#e8e8e8' } }, left: 1, top: 0 },
    ]);
    await expectGolden(rig, await framed.png().toBuffer(), { ask, size, colours: [] });
  });

  it('that is all of the picture stays', async () => {
    const plain = await quadrants(40, 40).linear(0, 77).png().toBuffer();
    await expectGolden(rig, plain, { ask: 'trim=auto', size: [40, 40] });
  });

  it('of transparency is one, too', async () => {
    const clear = await quadrants(100, 60)
      .extend({ left: 9, top: 7, bottom: 0, right: 1, background: '#0000' })
      .png()
      .toBuffer();
    await expectGolden(rig, clear, { ask: 'trim=auto', size: [100, 60], colours: ALL });
  });
});

describe('a margin and round corners', () => {
  it.each(
    rows([
      row('pad=20&bg=f0f', [360, 280], [at(0.02, 0.5, MAGENTA), at(0.5, 0.99, MAGENTA), at(0.1, 0.1, RED)]),
      row('w=80&pad=10', [100, 80], [at(0.05, 0.05, CLEAR), at(0.25, 0.25, RED), at(0.95, 0.95, CLEAR)]),
      row(
        'w=40&pad=10&dpr=2&fm=jpg&chromasub=444&q=100',
        [120, 100],
        [at(0.1, 0.1, [255, 255, 255]), at(0.3, 0.3, RED)],
      ),
      row(
        'border-radius=max&fit=crop&ar=1:1',
        [240, 240],
        [at(0.1, 0.1, CLEAR), at(0.2, 0.2, RED), at(0.9, 0.9, CLEAR), at(0.01, 0.48, RED), at(0.52, 0.99, YELLOW)],
      ),
      row(
        'border-radius=60',
        [320, 240],
        [at(0.03, 0.03, CLEAR), at(0.97, 0.97, CLEAR), at(0.2, 0.01, [...RED, 255]), at(0.06, 0.25, RED)],
      ),
      row('border-radius=60&bg=f0f', [320, 240], [at(0.03, 0.03, MAGENTA), at(0.2, 0.2, RED)]),
      row('border-radius=30&dpr=2&fm=jpg', [320, 240], [at(0.02, 0.02, [255, 255, 255])]),
      row(
        'pad=20&border-radius=40&bg=80ff00ff',
        [360, 280],
        [at(0.5, 0.02, [255, 0, 255, 128]), at(0.005, 0.005, [255, 0, 255, 128])],
      ),
    ]),
  )('%s', check);
});
