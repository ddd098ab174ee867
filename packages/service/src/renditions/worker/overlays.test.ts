import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { Transformation } from '@safelight/contract';
import sharp from 'sharp';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { PICTURES } from '../../../../../scripts/make-pictures.ts';
import { colourAt, GENEROUS, type Seen, WorkerRig } from '../../../../../test/support/worker-rig.ts';
import { BOUNDS_DEFAULT } from '../bounds.ts';
import { detectIsolation } from '../isolation.ts';
import type { Cause, Mark } from '../protocol.ts';

const RED = 'img_00000000000000000000000001';
const OTHER = 'img_00000000000000000000000002';

let rig: WorkerRig;
beforeAll(async () => {
  rig = await WorkerRig.start();
});
afterAll(() => rig[Symbol.asyncDispose]());

const flat = (width: number, height: number, background: string) =>
  sharp({ create: { width, height, channels: 4, background } });
const base = () => flat(400, 300, '#808080').removeAlpha().png({ compressionLevel: 1 }).toBuffer();
const red = () => flat(100, 50, '#ff0000').png().toBuffer();

type Made = (Seen | Cause)[];

/** Renders with files as marks, or with the causes why there is none. */
async function render(
  original: Buffer,
  transformations: readonly Transformation[],
  marks: Readonly<Record<string, Buffer | Cause>> = {},
): Promise<Made> {
  const source = await rig.facts(original);
  const folder = await rig.put(original);
  const told: Mark[] = [];
  for (const [index, [imageId, mark]] of Object.entries(marks).entries()) {
    if (!Buffer.isBuffer(mark)) told.push({ imageId, cause: mark });
    else {
      const file = `mark-${index}`;
      await writeFile(join(rig.worker.scratch.directory, folder, file), mark, { mode: 0o444 });
      told.push({ imageId, file, source: await rig.facts(mark) });
    }
  }
  const job = { id: folder, folder, source, transformations, bounds: BOUNDS_DEFAULT, marks: told };
  const { failures } = await rig.worker.run(job, GENEROUS);
  const causeOf = (index: number) => failures.find((failure) => failure.index === index)?.cause;
  return Promise.all(transformations.map(async (_, index) => causeOf(index) ?? rig.see(folder, index)));
}

async function file(made: Promise<Made>): Promise<Buffer> {
  const [first] = await made;
  if (!first || !('file' in first)) throw new Error(JSON.stringify(first));
  return first.file;
}

/** Where a picture is not of one colour: left, top, and what follows on the right and below; in pixels. */
async function boxOf(picture: Buffer, differs: (pixel: readonly number[]) => boolean): Promise<number[]> {
  const { data, info } = await sharp(picture)
    .removeAlpha()
    .toColourspace('srgb')
    .raw()
    .toBuffer({ resolveWithObject: true });
  let [left, top, right, bottom] = [info.width, info.height, 0, 0];
  for (let y = 0; y < info.height; y += 1) {
    for (let x = 0; x < info.width; x += 1) {
      const at = (y * info.width + x) * 3;
      if (!differs([...data.subarray(at, at + 3)])) continue;
      [left, top, right, bottom] = [
        Math.min(left, x),
        Math.min(top, y),
        Math.max(right, x + 1),
        Math.max(bottom, y + 1),
      ];
    }
  }
  return [left, top, right, bottom];
}
const isRed = ([r = 0, g = 0, b = 0]: readonly number[]) => r > 200 && g < 60 && b < 60;
const isDark = ([r = 0, g = 0, b = 0]: readonly number[]) => r + g + b < 150;

describe('a mark', () => {
  it.each([
    ['top,left', [10, 10, 110, 60]],
    ['top,center', [150, 10, 250, 60]],
    ['middle,center', [150, 125, 250, 175]],
    ['middle,right', [290, 125, 390, 175]],
    ['bottom,left', [10, 240, 110, 290]],
    ['bottom,right', [290, 240, 390, 290]],
  ] as const)('lies at %s, a quarter as wide as the picture and 10 pixels from its edges', async (align, box) => {
    const made = file(render(await base(), [{ fm: 'png', mark: RED, 'mark-align': align }], { [RED]: await red() }));
    expect(await boxOf(await made, isRed)).toEqual(box);
    expect(await colourAt(await made, 0.3, 0.3)).toEqual([128, 128, 128]);
  });

  it('is as wide as its scale says, and never larger than the picture between its margins', async () => {
    const wide = { fm: 'png', mark: RED, 'mark-align': 'top,left' } as const;
    const made = (more: Transformation, mark: Buffer) =>
      base().then((of) => file(render(of, [{ ...wide, ...more }], { [RED]: mark })));
    expect(await boxOf(await made({ 'mark-scale': 50, 'mark-pad': 0 }, await red()), isRed)).toEqual([0, 0, 200, 100]);
    expect(await boxOf(await made({ 'mark-scale': 100, 'mark-pad': 20 }, await red()), isRed)).toEqual([
      20, 20, 380, 200,
    ]);
    const tall = await flat(10, 1_000, '#f00').png().toBuffer();
    expect(await boxOf(await made({ 'mark-scale': 50 }, tall), isRed)).toEqual([10, 10, 13, 290]);
    expect(await boxOf(await made({ w: 8, 'mark-pad': 100 }, await red()), isRed)).toEqual([3, 2, 5, 3]);
  });

  it('shines through as far as it says, and where it is transparent itself', async () => {
    const half = file(
      render(await base(), [{ fm: 'png', mark: RED, 'mark-alpha': 50, 'mark-align': 'middle,center' }], {
        [RED]: await red(),
      }),
    );
    expect(await colourAt(await half, 0.5, 0.5)).toEqual([192, 64, 64]);
    const clear = await flat(100, 50, '#ff000040').png().toBuffer();
    const quarter = file(
      render(await base(), [{ fm: 'png', mark: RED, 'mark-align': 'middle,center' }], { [RED]: clear }),
    );
    expect(await colourAt(await quarter, 0.5, 0.5)).toEqual([160, 96, 96]);
  });

  it('is seen on transparent pictures alone where nothing is underneath', async () => {
    const empty = await flat(200, 200, '#00000000').png().toBuffer();
    const made = await file(
      render(empty, [{ mark: RED, 'mark-alpha': 50, 'mark-align': 'middle,center' }], { [RED]: await red() }),
    );
    expect(await colourAt(made, 0.5, 0.5)).toEqual([255, 0, 0, 128]);
    expect((await colourAt(made, 0.1, 0.1))[3]).toBe(0);
    const flattened = await file(
      render(empty, [{ fm: 'jpg', mark: RED, 'mark-align': 'middle,center' }], { [RED]: await red() }),
    );
    expect((await colourAt(flattened, 0.1, 0.1)).map((level) => level > 250)).toEqual([true, true, true]);
  });

  it('keeps its colours on grey pictures and in wide gamuts', async () => {
    const over = { mark: RED, 'mark-align': 'middle,center', fm: 'png' } as const;
    const grey = await file(render(await PICTURES.grey.make(), [over], { [RED]: await red() }));
    expect(await colourAt(grey, 0.5, 0.5)).toEqual([255, 0, 0]);
    const wide = await file(
      render(await PICTURES['display-p3'].make(), [{ ...over, icc: 'p3' }], { [RED]: await red() }),
    );
    expect((await sharp(wide).metadata()).icc).toBeDefined();
    const [r = 0, g = 255, b = 255] = await colourAt(wide, 0.5, 0.5);
    expect([r > 250, g < 8, b < 8]).toEqual([true, true, true]);
  });

  it('lies over every frame of an animation', async () => {
    const film = await file(
      render(await PICTURES.animated.make(), [{ mark: RED, 'mark-align': 'middle,center', 'mark-scale': 50 }], {
        [RED]: await red(),
      }),
    );
    const { pages = 1 } = await sharp(film).metadata();
    expect(pages).toBeGreaterThan(2);
    for (let page = 0; page < pages; page += 1) expect(isRed(await colourAt(film, 0.5, 0.5, page))).toBe(true);
  });

  it('may be a drawing, an animation, or turned by its camera', async () => {
    for (const name of ['vector', 'animated', 'turned-with-gps', 'sixteen-bit', 'modern'] as const) {
      const [plain, marked] = await render(await base(), [{ fm: 'png' }, { fm: 'png', mark: RED }], {
        [RED]: await PICTURES[name].make(),
      });
      if (!plain || !marked || !('file' in plain && 'file' in marked)) throw new Error(JSON.stringify(marked));
      const [left = 0, top = 0, right = 0, bottom = 0] = await boxOf(
        marked.file,
        ([r = 0, g = 0, b = 0]) => r !== 128 || g !== 128 || b !== 128,
      );
      const { width, height } = await rig.facts(await PICTURES[name].make());
      const shape = (right - left) / (bottom - top);
      expect({ name, right, bottom, near: Math.abs(shape - width / height) < 0.15 }).toEqual({
        name,
        right: 390,
        bottom: 290,
        near: true,
      });
    }
  });

  it('is seen in its output alone, of those that are made of the same pixels', async () => {
    const [marked, plain] = await render(await base(), [{ fm: 'png', mark: RED }, { fm: 'png' }], {
      [RED]: await red(),
    });
    if (!plain || !marked || !('file' in plain && 'file' in marked)) throw new Error(JSON.stringify(marked));
    expect(await boxOf(marked.file, isRed)).toEqual([290, 240, 390, 290]);
    expect(await boxOf(plain.file, isRed)).toEqual([400, 300, 0, 0]);
  });

  it('that is missing or broken fails its outputs and no others', async () => {
    const broken = Buffer.from(await PICTURES['display-p3'].make());
    // In the middle of the entropy-coded data, which only a decode finds.
    broken
      .subarray(broken.length >> 1)
      .subarray(0, 2_000)
      .fill('ffd3', 'hex');
    const cause = { code: 'mark_not_found', message: 'it is gone' } as const;
    const made = await render(
      await base(),
      [{ w: 100 }, { w: 100, mark: OTHER }, { w: 100, mark: RED }, { w: 100, mark: 'img_00000000000000000000000003' }],
      { [OTHER]: cause, [RED]: broken },
    );
    expect(made.map((each) => ('code' in each ? each.code : 'made'))).toEqual([
      'made',
      'mark_not_found',
      'mark_failed',
      'mark_not_found',
    ]);
  });
});

describe('a text', () => {
  const txt = (text: string, more: Transformation = {}) =>
    base().then((of) => file(render(of, [{ fm: 'png', txt: text, ...more }])));

  it('lies where it is asked for, in its size and colour', async () => {
    const [left = 0, top = 0, right = 0, bottom = 0] = await boxOf(await txt('Hxp'), isDark);
    expect([right, bottom]).toEqual([390, 290]);
    expect(bottom - top).toBeGreaterThan(18);
    expect(bottom - top).toBeLessThan(27);
    expect(right - left).toBeGreaterThan(35);
    const large = await boxOf(
      await txt('Hxp', { 'txt-size': 96, 'txt-align': 'top,left', 'txt-color': 'ffff0000', 'txt-pad': 5 }),
      isRed,
    );
    expect(large.slice(0, 2)).toEqual([5, 5]);
    expect((large[3] ?? 0) - 5).toBeGreaterThan(3.6 * (bottom - top));
  });

  it('is text and never markup', async () => {
    const heavy = await boxOf(await txt('<span size="60000">a</span>', { 'txt-size': 12 }), isDark);
    expect((heavy[3] ?? 0) - (heavy[1] ?? 0)).toBeLessThan(16);
    for (const text of ['<b>', '&amp;', '&', '</span><x', '"\'>', '&#0;']) {
      const [left = 0, , right = 0] = await boxOf(await txt(text), isDark);
      expect(right - left).toBeGreaterThan(5);
    }
    const amp = await boxOf(await txt('&amp;'), isDark);
    const one = await boxOf(await txt('&'), isDark);
    expect((amp[2] ?? 0) - (amp[0] ?? 0)).toBeGreaterThan(2 * ((one[2] ?? 0) - (one[0] ?? 0)));
  });

  it('wraps inside of the margins, and what is too long is cut off', async () => {
    const [left = 0, top = 0, right = 0, bottom = 0] = await boxOf(
      await txt('many words '.repeat(20).trim(), { 'txt-pad': 50 }),
      isDark,
    );
    expect(left).toBeGreaterThanOrEqual(50);
    expect(right).toBeLessThanOrEqual(350);
    expect(top).toBeGreaterThanOrEqual(50);
    expect(bottom).toBeLessThanOrEqual(250);
    expect(bottom - top).toBeGreaterThan(150);
    for (const word of [
      'W'.repeat(256),
      'i'.repeat(256),
      '\u0301'.repeat(256),
      'مرحبا '.repeat(40),
      '日本語'.repeat(80),
      '👩‍👩‍👧‍👦'.repeat(20),
    ]) {
      for (const size of [4, 512])
        expect(await txt(word, { 'txt-size': size as number, w: 90 })).toBeInstanceOf(Buffer);
    }
  });

  it('of nothing to be seen changes nothing, nor does one without room', async () => {
    const plain = await file(render(await base(), [{ fm: 'png', w: 60 }]));
    for (const text of [' ', '\u200b', '\u2028']) expect((await txt(text, { w: 60 })).equals(plain)).toBe(true);
    const dot = await file(render(await base(), [{ fm: 'png', w: 3 }]));
    expect((await txt('Hello', { w: 3 })).equals(dot)).toBe(true);
  });

  it('shows boxes for what the font lacks', async () => {
    const [left = 0, , right = 0] = await boxOf(await txt('日'), isDark);
    expect(right - left).toBeGreaterThan(8);
    expect(rig.said).toEqual([]);
  });

  it.runIf(process.platform === 'linux')('is drawn with one font, whatever others the machine has', async () => {
    await txt('Hxp 日 שלום');
    // Fontconfig keeps what it knows of a machine's fonts mapped, and FreeType the fonts.
    const mapped = await readFile(`/proc/${rig.worker.pid}/maps`, 'utf8');
    expect(mapped.split('\n').filter((line) => /fontconfig|\/fonts\//.test(line))).toEqual([]);
    expect(mapped).toContain('/font.ttf');
  });

  it('is drawn by a worker that is shut off from the machine, too', async () => {
    await using shut = await WorkerRig.start({ slot: 7, isolation: await detectIsolation() });
    const [seen] = await shut.render(await base(), [{ fm: 'png', txt: 'Hxp' }]);
    expect(seen?.file.equals(await txt('Hxp'))).toBe(true);
    expect(shut.said).toEqual([]);
  });
});
