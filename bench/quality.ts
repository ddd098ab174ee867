import { randomUUID } from 'node:crypto';
import { existsSync } from 'node:fs';
import { copyFile, mkdtemp, readdir, rm } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { OutputFormat, Transformation } from '@safelight/contract';
import { BOUNDS_DEFAULT } from '../packages/service/src/renditions/bounds.ts';
import { UNHURRIED_EFFORTS } from '../packages/service/src/renditions/effort.ts';
import { CRASH_ISOLATION } from '../packages/service/src/renditions/isolation.ts';
import { startWorkerProcess } from '../packages/service/src/renditions/process.ts';
import type { SourceFacts } from '../packages/service/src/renditions/protocol.ts';
import { likenessOf } from '../packages/service/src/renditions/worker/quality.ts';
import type { Samples } from '../packages/service/src/renditions/worker/similarity.ts';
import { type PictureName, writePicture } from '../scripts/make-pictures.ts';
import { lumaOf, ssim } from './support/ssim.ts';

/**
 * What `q=auto` saves against the fixed quality of each format (80, AVIF 67), by format and width: bytes, CPU of the
 * whole rendering, and two scores against the very pixels that were encoded: the likeness that the search goes by, and
 * a plain SSIM that it does not. Then the same of AVIF that nobody waits for, at the fixed quality with more effort.
 * `node bench/quality.ts [FILE…]`; without files, the pictures of a collection beside the repository, or pictures made
 * here. A row for each picture with `--each`, the efforts alone with `--efforts`.
 */
const require = createRequire(new URL('../packages/service/package.json', import.meta.url));
const sharp = require('sharp') as typeof import('sharp').default;
const CORPUS = fileURLToPath(new URL('../../shared/corpus/', import.meta.url));
const COLLECTED = /^(photo|art|graphic)-.*\.(jpg|png|webp)$/;
const MADE: readonly PictureName[] = ['baseline-12mp', 'progressive-6mp', 'still', 'modern', 'alpha'];
const WIDTHS = [800, 1_600];
const FORMATS: readonly OutputFormat[] = ['jpg', 'webp', 'avif'];
const LIMITS = { deadlineMs: 300_000, rssBytesMax: 8e9 };

interface Measured {
  readonly bytes: number;
  readonly likeness: number;
  readonly ssim: number;
  readonly cpuMs: number;
}
type Pair = { readonly fixed: Measured; readonly other: Measured };

/** What stands beside the fixed quality of a format, as it is made for who waits. */
interface Other {
  readonly name: string;
  readonly fm: OutputFormat;
  readonly transformation?: Transformation;
  readonly effort?: number;
}
const SEARCHED: readonly Other[] = FORMATS.map((fm) => ({ name: 'q=auto', fm, transformation: { q: 'auto' } }));
const UNHURRIED: readonly Other[] = UNHURRIED_EFFORTS.map((effort) => ({
  name: `effort ${effort}`,
  fm: 'avif',
  effort,
}));

const each = process.argv.includes('--each');
const folder = await mkdtemp(join(tmpdir(), 'safelight-quality-'));
const worker = startWorkerProcess({
  slot: 41,
  scratchDirectory: join(folder, 'scratch'),
  isolation: CRASH_ISOLATION,
  log: { warn: (fields, message) => console.error(message, fields) },
});
try {
  await worker.ready;
  const pictures = await choosePictures();
  console.log(`${pictures.length} pictures; fixed quality → other`);
  for (const other of process.argv.includes('--efforts') ? UNHURRIED : [...SEARCHED, ...UNHURRIED]) {
    for (const width of WIDTHS) {
      const pairs = [];
      for (const picture of pictures) pairs.push(await compare(picture, other, width));
      console.log(summary(`${other.fm} ${width}, ${other.name}`, pairs));
    }
  }
} finally {
  worker.kill();
  await worker.exited;
  await rm(folder, { recursive: true });
}

async function choosePictures(): Promise<string[]> {
  const named = process.argv.slice(2).filter((argument) => !argument.startsWith('--'));
  if (named.length > 0) return named;
  if (!existsSync(CORPUS)) return Promise.all(MADE.map((name) => writePicture(name, folder)));
  return (await readdir(CORPUS)).filter((name) => COLLECTED.test(name)).map((name) => join(CORPUS, name));
}

async function compare(picture: string, { fm, ...other }: Other, w: number): Promise<Pair> {
  const { name, path } = worker.scratch.takeFolder(randomUUID());
  try {
    await copyFile(picture, join(path, 'original'));
    const probed = await worker.probe({ id: name, folder: name, bounds: BOUNDS_DEFAULT }, LIMITS);
    if ('rejection' in probed) throw new Error(`${picture}: ${probed.rejection.message}`);
    const render = (transformation: Transformation, effort?: number) =>
      rendered(name, probed.facts, transformation, effort);
    // Every pixel as the encoder got it.
    const { file: reference } = await render({ w, fm: 'png' });
    const measure = async ({ transformation, effort }: Omit<Other, 'name' | 'fm'>): Promise<Measured> => {
      const { file, cpuMs } = await render({ w, fm, ...transformation }, effort);
      const flat = await flattened(reference);
      return {
        bytes: file.length,
        likeness: likenessOf(await samplesOf(flat), await samplesOf(await flattened(file))),
        ssim: ssim(await lumaOf(flat), await lumaOf(await flattened(file))),
        cpuMs,
      };
    };
    const pair = { fixed: await measure({}), other: await measure(other) };
    if (each) console.log(summary(`  ${picture.split('/').at(-1)}`, [pair]));
    return pair;
  } finally {
    await rm(path, { recursive: true });
  }
}

async function rendered(
  name: string,
  source: SourceFacts,
  transformation: Transformation,
  effort: number | undefined,
): Promise<{ file: Uint8Array; cpuMs: number }> {
  const job = { id: name, folder: name, source, transformations: [transformation], effort, bounds: BOUNDS_DEFAULT };
  const { failures, cpuMs } = await worker.run(job, LIMITS);
  if (failures[0]) throw new Error(failures[0].cause.message);
  return { file: await worker.scratch.readOutput(name, 0, 1e9), cpuMs };
}

function flattened(file: Uint8Array): Promise<Buffer> {
  return sharp(file).flatten({ background: '#fff' }).png({ compressionLevel: 1 }).toBuffer();
}

async function samplesOf(file: Buffer): Promise<Samples> {
  const { data, info } = await sharp(file).raw().toBuffer({ resolveWithObject: true });
  return { data, width: info.width, height: info.height, channels: info.channels };
}

function summary(name: string, pairs: readonly Pair[]): string {
  const total = (value: (pair: Pair) => number) => pairs.reduce((sum, pair) => sum + value(pair), 0);
  const [before, after] = [total(({ fixed }) => fixed.bytes), total(({ other }) => other.bytes)];
  const cpu = total(({ other }) => other.cpuMs) / total(({ fixed }) => fixed.cpuMs);
  const score = (of: 'likeness' | 'ssim') => {
    const mean = (which: keyof Pair) => (total((pair) => pair[which][of]) / pairs.length).toFixed(4);
    const least = (which: keyof Pair) => Math.min(...pairs.map((pair) => pair[which][of])).toFixed(4);
    return `${of} mean ${mean('fixed')} → ${mean('other')}, least ${least('fixed')} → ${least('other')}`;
  };
  const bytes = `${(before / 1_000).toFixed(0)} → ${(after / 1_000).toFixed(0)} kB (${(after / before).toFixed(3)})`;
  return `${name}: ${bytes}; ${score('likeness')}; ${score('ssim')}; CPU × ${cpu.toFixed(1)}`;
}
