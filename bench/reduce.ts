import { existsSync } from 'node:fs';
import { mkdtemp, readdir, rm } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import { basename, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { Sharp } from 'sharp';
import { JpegReducer } from '../packages/service/src/renditions/worker/jpeg-reducer.ts';
import { writePicture } from '../scripts/make-pictures.ts';
import { lumaOf, ssim } from './support/ssim.ts';
import { median } from './support/statistics.ts';

/**
 * Our decoder of JPEGs that become smaller against the library's shrink-on-load: CPU from the file to the pixels of a
 * picture that is 3.2, 5.2 and 9.2 times smaller, for which both decode to a half, a quarter and an eighth, by turns, and
 * the SSIM of both against the same size made of all pixels. `node bench/reduce.ts [FILE…]`; without files, the
 * photographs of a collection beside the repository, or pictures made here. Those with a profile are left out, since the
 * library decodes them.
 */
const require = createRequire(new URL('../packages/service/package.json', import.meta.url));
const sharp = require('sharp') as typeof import('sharp').default;
const CORPUS = fileURLToPath(new URL('../../shared/corpus/', import.meta.url));
const PHOTOGRAPH = /^(p12-baseline|photo-.*)\.jpg$/;
const FACTORS = [2, 4, 8] as const;
/** The library takes the next smaller factor unless the whole part of the scale is larger than the factor. */
const BEYOND = 1.2;
const ROUNDS = 9;

/** From the file to the pipeline that `end` runs. */
type Way = (end: (image: Sharp) => Promise<Buffer>) => Promise<Buffer>;

sharp.concurrency(1);
sharp.cache(false);
const reducer = new JpegReducer();
const folder = await mkdtemp(join(tmpdir(), 'safelight-reduce-'));
const ratios = new Map<string, number[]>();
try {
  console.log('CPU ms ours/library, ratio, SSIM ours/library');
  for (const path of await choosePictures()) await compare(path);
  for (const [kind, all] of ratios) console.log(`${kind}: median ratio ${median(all).toFixed(2)}`);
} finally {
  await rm(folder, { recursive: true, force: true });
}

async function compare(path: string): Promise<void> {
  const { width, height, hasProfile, isProgressive } = await sharp(path).metadata();
  if (hasProfile) return;
  const whole = await sharp(path).raw().toBuffer({ resolveWithObject: true });
  for (const factor of FACTORS) {
    const size = [Math.floor(width / (factor + BEYOND)), Math.floor(height / (factor + BEYOND))] as const;
    const resized = (image: Sharp) => image.resize(...size, { fit: 'fill' });
    const ours: Way = async (end) => {
      using pixels = reducer.reduce(path, { stored: { width, height }, factor });
      if (!pixels) throw new Error(`${path} is left to the library`);
      const { data, channels } = pixels;
      return await end(resized(sharp(data, { raw: { width: pixels.width, height: pixels.height, channels } })));
    };
    const library: Way = (end) => end(resized(sharp(path, { sequentialRead: true, failOn: 'warning' })));
    const spent = { ours: [] as number[], library: [] as number[] };
    for (let round = -1; round < ROUNDS; round += 1) {
      const [a, b] = [await cpuMs(ours), await cpuMs(library)];
      if (round < 0) continue;
      spent.ours.push(a);
      spent.library.push(b);
    }
    const { width: w, height: h, channels } = whole.info;
    const reference = await lumaOf(
      await resized(sharp(whole.data, { raw: { width: w, height: h, channels } }))
        .png()
        .toBuffer(),
    );
    const like = async (way: Way) =>
      ssim(reference, await lumaOf(await way((image) => image.png().toBuffer()))).toFixed(4);
    const [a, b] = [median(spent.ours), median(spent.library)];
    const kind = `${isProgressive ? 'progressive' : 'baseline'} 1/${factor}`;
    ratios.set(kind, [...(ratios.get(kind) ?? []), a / b]);
    const cells = [`${a.toFixed(1)}/${b.toFixed(1)}`, (a / b).toFixed(2), `${await like(ours)}/${await like(library)}`];
    console.log(`${basename(path).padEnd(36)}${kind.padEnd(18)}${cells.map((cell) => cell.padEnd(14)).join('')}`);
  }
}

async function cpuMs(way: Way): Promise<number> {
  const start = process.cpuUsage();
  await way((image) => image.raw().toBuffer());
  const { user, system } = process.cpuUsage(start);
  return (user + system) / 1_000;
}

async function choosePictures(): Promise<string[]> {
  const given = process.argv.slice(2);
  if (given.length > 0) return given;
  if (!existsSync(CORPUS))
    return [await writePicture('baseline-12mp', folder), await writePicture('progressive-6mp', folder)];
  return (await readdir(CORPUS)).filter((name) => PHOTOGRAPH.test(name)).map((name) => join(CORPUS, name));
}
