import { randomUUID } from 'node:crypto';
import { copyFile, mkdtemp, rm } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseTransformation } from '@safelight/contract';
import { BOUNDS_DEFAULT } from '../packages/service/src/renditions/bounds.ts';
import { detectIsolation } from '../packages/service/src/renditions/isolation.ts';
import { startWorkerProcess, type WorkerProcess } from '../packages/service/src/renditions/process.ts';
import type { SourceFacts } from '../packages/service/src/renditions/protocol.ts';
import { writePicture } from '../scripts/make-pictures.ts';

/**
 * The CPU of three presets from one picture: through a worker process, by the best bare loop (one decode to 600
 * pixels, the others from it) and by the naive one (a decode per output), all writing files. Rounds are paired and the
 * medians' ratios printed: `node bench/engine.ts [PICTURE…] [--rounds N]`.
 */
const require = createRequire(new URL('../packages/service/package.json', import.meta.url));
const sharp = require('sharp') as typeof import('sharp').default;
const BOXES = [600, 300, 100];
const LIMITS = { deadlineMs: 60_000, rssBytesMax: 4e9 };

const rounds = Number(process.argv[process.argv.indexOf('--rounds') + 1]) || 15;
const folder = await mkdtemp(join(tmpdir(), 'safelight-bench-'));
const isolation = await detectIsolation();
const log = { warn: (fields: object, message: string) => console.error(message, fields) };
const worker = startWorkerProcess({ slot: 40, scratchDirectory: join(folder, 'scratch'), isolation, log });
await worker.ready;
sharp.concurrency(1);
sharp.cache(false);
try {
  const named = process.argv.slice(2).filter((argument) => /\.\w+$/.test(argument));
  const pictures = named.length > 0 ? named : [await writePicture('baseline-12mp', folder)];
  console.log('picture\tbest bare ms\tengine ÷ best\tnaive ÷ best');
  for (const picture of pictures) await compare(picture, await put(worker, picture));
} finally {
  worker.kill();
  await worker.exited;
  await rm(folder, { recursive: true });
}

async function compare(picture: string, job: { name: string; source: SourceFacts }): Promise<void> {
  const spent: Record<'best' | 'naive' | 'engine', number[]> = { best: [], naive: [], engine: [] };
  for (let round = -2; round < rounds; round += 1) {
    const measured = {
      best: await cpuMs(() => best(picture)),
      naive: await cpuMs(() => naive(picture)),
      engine: await engine(job),
    };
    if (round >= 0) for (const kind of ['best', 'naive', 'engine'] as const) spent[kind].push(measured[kind]);
  }
  const [bare, whole, slow] = [median(spent.best), median(spent.engine), median(spent.naive)];
  console.log(
    `${picture.split('/').at(-1)}\t${bare.toFixed(1)}\t${(whole / bare).toFixed(2)}\t${(slow / bare).toFixed(2)}`,
  );
}

async function put(worker: WorkerProcess, picture: string): Promise<{ name: string; source: SourceFacts }> {
  const { name, path } = worker.scratch.takeFolder(randomUUID());
  await copyFile(picture, join(path, 'original'));
  const probed = await worker.probe({ id: name, folder: name, bounds: BOUNDS_DEFAULT }, LIMITS);
  if ('rejection' in probed) throw new Error(`${picture}: ${probed.rejection.message}`);
  return { name, source: probed.facts };
}

/** CPU of the worker and of this process together. */
async function engine({ name, source }: { name: string; source: SourceFacts }): Promise<number> {
  let child = 0;
  const transformations = BOXES.map((side) => {
    const parsed = parseTransformation([
      ['w', `${side}`],
      ['h', `${side}`],
    ]);
    return parsed.ok ? parsed.transformation : {};
  });
  const parent = await cpuMs(async () => {
    const result = await worker.run(
      { id: name, folder: name, source, transformations, bounds: BOUNDS_DEFAULT },
      LIMITS,
    );
    if (result.failures[0]) throw new Error(result.failures[0].cause.message);
    child = result.cpuMs;
  });
  return parent + child;
}

/** One decode at the largest size, the others from its pixels. */
async function best(picture: string): Promise<void> {
  const box = { fit: 'inside', withoutEnlargement: true } as const;
  const largest = sharp(picture, { sequentialRead: true, failOn: 'warning' }).resize(600, 600, box).autoOrient();
  const { data, info } = await largest.raw().toBuffer({ resolveWithObject: true });
  const raw = { width: info.width, height: info.height, channels: info.channels as 1 | 2 | 3 | 4 };
  for (const side of BOXES)
    await sharp(data, { raw })
      .resize(side, side, box)
      .jpeg()
      .toFile(join(folder, `b${side}`));
}

async function naive(picture: string): Promise<void> {
  for (const side of BOXES) {
    const image = sharp(picture, { sequentialRead: true }).resize(side, side, {
      fit: 'inside',
      withoutEnlargement: true,
    });
    await image
      .autoOrient()
      .jpeg()
      .toFile(join(folder, `n${side}`));
  }
}

async function cpuMs(work: () => Promise<void>): Promise<number> {
  const start = process.cpuUsage();
  await work();
  const { user, system } = process.cpuUsage(start);
  return (user + system) / 1_000;
}

function median(values: readonly number[]): number {
  return [...values].sort((a, b) => a - b)[Math.floor(values.length / 2)] ?? Number.NaN;
}
