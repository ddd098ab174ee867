import { randomUUID } from 'node:crypto';
import { copyFile, mkdtemp, rm } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { loadavg, tmpdir } from 'node:os';
import { basename, join } from 'node:path';
import { parseArgs } from 'node:util';
import { parseTransformation, QUALITY_DEFAULTS, type Transformation } from '@safelight/contract';
import type { Sharp } from 'sharp';
import { BOUNDS_DEFAULT } from '../packages/service/src/renditions/bounds.ts';
import { detectIsolation } from '../packages/service/src/renditions/isolation.ts';
import { startWorkerProcess, type WorkerProcess } from '../packages/service/src/renditions/process.ts';
import type { SourceFacts } from '../packages/service/src/renditions/protocol.ts';
import { writePicture } from '../scripts/make-pictures.ts';
import { median } from './support/statistics.ts';

/**
 * What a page's whole set costs: 15 renditions of one original (320, 640, 960, 1280 and 1920 pixels wide as JPEG, WebP
 * and AVIF), CPU of a worker process with one job of all 15, against bare sharp that decodes for each of them, at the
 * same encoder settings; and against the worker itself with 15 jobs of one. And when the first of the formats is there
 * in all widths, as a share of the time to all: a page can be shown from then on.
 *
 *     node bench/fifteen.ts [--rounds 5] [PICTURE…]
 *
 * Rounds alternate; the medians of the rounds' ratios are printed, and the run fails when they miss their bounds.
 */
const require = createRequire(new URL('../packages/service/package.json', import.meta.url));
const sharp = require('sharp') as typeof import('sharp').default;

const WIDTHS = [320, 640, 960, 1280, 1920];
const FORMATS = ['jpg', 'webp', 'avif'] as const;
const SET = FORMATS.flatMap((fm) => WIDTHS.map((w) => ({ fm, w })));
/** As the engine has them for answers that somebody waits for (renditions/ops/encode.ts). */
const ENCODERS: Readonly<Record<(typeof FORMATS)[number], (image: Sharp, width: number) => Sharp>> = {
  // Tables of its own where they pay, which is up to 100,000 pixels.
  jpg: (image, width) =>
    image.jpeg({ quality: QUALITY_DEFAULTS.jpg, chromaSubsampling: '4:2:0', optimiseCoding: width <= 320 }),
  webp: (image) => image.webp({ quality: QUALITY_DEFAULTS.webp, effort: 2 }),
  avif: (image) => image.avif({ quality: QUALITY_DEFAULTS.avif, effort: 0, chromaSubsampling: '4:2:0', bitdepth: 8 }),
};
const LIMITS = { deadlineMs: 120_000, rssBytesMax: 4e9 };
const WARM_UP_ROUNDS = 1;
const CPU_RATIO_MAX = 0.7;
const FIRST_FORMAT_SHARE_MAX = 0.35;
/** Bytes of both ways may differ by as much as other pixels make; a difference in settings is larger. */
const BYTES_DIFFERENCE_MAX = 0.1;

interface Job {
  readonly name: string;
  readonly source: SourceFacts;
}

interface Made {
  readonly cpuMs: number;
  readonly bytes: ReadonlyMap<string, number>;
}

const { values, positionals } = parseArgs({
  options: { rounds: { type: 'string', default: '5' } },
  allowPositionals: true,
});
const rounds = Number(values.rounds);
const folder = await mkdtemp(join(tmpdir(), 'safelight-fifteen-'));
const log = { warn: (fields: object, message: string) => console.error(message, fields) };
const isolation = await detectIsolation();
const worker = startWorkerProcess({ slot: 41, scratchDirectory: join(folder, 'scratch'), isolation, log });
sharp.concurrency(1);
sharp.cache(false);
try {
  await worker.ready;
  const pictures =
    positionals.length > 0
      ? positionals
      : [await writePicture('baseline-12mp', folder), await writePicture('progressive-6mp', folder)];
  for (const picture of pictures) await compare(picture);
} finally {
  worker.kill();
  await worker.exited;
  await rm(folder, { recursive: true, force: true });
}

async function compare(picture: string): Promise<void> {
  const job = await put(worker, picture);
  const [cpuRatios, workerRatios, firstOutputs, firstFormats, firstWhich]: [
    number[],
    number[],
    number[],
    number[],
    string[],
  ] = [[], [], [], [], []];
  for (let round = -WARM_UP_ROUNDS; round < rounds; round += 1) {
    const together = await oneJob(job);
    const bare = await ownDecodes(picture);
    const apart = await fifteenJobs(job);
    if (round < 0) {
      warnOfSettings(together.bytes, bare.bytes);
      continue;
    }
    cpuRatios.push(together.cpuMs / bare.cpuMs);
    workerRatios.push(together.cpuMs / apart);
    firstOutputs.push(together.firstOutputMs / together.allMs);
    firstFormats.push(together.firstFormatMs / together.allMs);
    firstWhich.push(together.firstFormat);
  }
  const [cpu, first] = [median(cpuRatios), median(firstFormats)];
  console.log(`${basename(picture)}, ${rounds} rounds (load average ${loadavg()[0]?.toFixed(1)}):`);
  console.log(`  CPU, one job ÷ bare sharp with a decode for each   ${cpu.toFixed(2)}   (bound ${CPU_RATIO_MAX})`);
  console.log(`  CPU, one job ÷ 15 jobs of the same worker          ${median(workerRatios).toFixed(2)}`);
  console.log(
    `  first format in all widths (${firstWhich.at(-1)}) ÷ all, time    ${first.toFixed(2)}   (bound ${FIRST_FORMAT_SHARE_MAX})`,
  );
  console.log(`  first of all outputs ÷ all, time                   ${median(firstOutputs).toFixed(2)}`);
  if (cpu > CPU_RATIO_MAX || first > FIRST_FORMAT_SHARE_MAX) process.exitCode = 1;
}

async function put(worker: WorkerProcess, picture: string): Promise<Job> {
  const { name, path } = worker.scratch.takeFolder(randomUUID());
  await copyFile(picture, join(path, 'original'));
  const probed = await worker.probe({ id: name, folder: name, bounds: BOUNDS_DEFAULT }, LIMITS);
  if ('rejection' in probed) throw new Error(`${picture}: ${probed.rejection.message}`);
  return { name, source: probed.facts };
}

/** All in one job, as a service gives them to a worker. CPU of the worker process. */
async function oneJob({ name, source }: Job) {
  const start = performance.now();
  const endedMs = new Map<number, number>();
  const task = { id: name, folder: name, source, transformations: SET.map(transformationOf), bounds: BOUNDS_DEFAULT };
  const onOutput = ({ index }: { index: number }) => void endedMs.set(index, performance.now() - start);
  const result = await worker.run(task, { ...LIMITS, onOutput });
  const allMs = performance.now() - start;
  if (result.failures[0]) throw new Error(result.failures[0].cause.message);
  const formats = FORMATS.map((format) => {
    const times = SET.flatMap(({ fm }, index) => (fm === format ? [endedMs.get(index) ?? allMs] : []));
    return { format, ms: Math.max(...times) };
  }).sort((a, b) => a.ms - b.ms);
  return {
    cpuMs: result.cpuMs,
    bytes: new Map(result.outputs.map(({ index, bytes }) => [labelOf(SET[index]), bytes])),
    allMs,
    firstOutputMs: Math.min(...endedMs.values()),
    firstFormatMs: formats[0]?.ms ?? allMs,
    firstFormat: formats[0]?.format ?? '',
  };
}

/** The same worker, asked for one after the other. @returns CPU milliseconds. */
async function fifteenJobs({ name, source }: Job): Promise<number> {
  let cpuMs = 0;
  for (const one of SET) {
    const task = { id: name, folder: name, source, transformations: [transformationOf(one)], bounds: BOUNDS_DEFAULT };
    cpuMs += (await worker.run(task, LIMITS)).cpuMs;
  }
  return cpuMs;
}

/** What a service does that has no store: it decodes anew for each, without any overhead of ours. */
async function ownDecodes(picture: string): Promise<Made> {
  const bytes = new Map<string, number>();
  const before = process.cpuUsage();
  for (const { fm, w } of SET) {
    const image = sharp(picture, { sequentialRead: true, failOn: 'warning' }).resize(w).autoOrient();
    const encoded = ENCODERS[fm](image, w);
    bytes.set(labelOf({ fm, w }), (await encoded.toFile(join(folder, `own-${w}.${fm}`))).size);
  }
  const { user, system } = process.cpuUsage(before);
  return { cpuMs: (user + system) / 1000, bytes };
}

function warnOfSettings(ours: ReadonlyMap<string, number>, bare: ReadonlyMap<string, number>): void {
  for (const [label, bytes] of ours) {
    const others = bare.get(label) ?? 0;
    if (Math.abs(bytes - others) > BYTES_DIFFERENCE_MAX * others)
      console.log(`  ${label}: ${bytes} bytes here, ${others} by bare sharp: the settings may differ`);
  }
}

function transformationOf({ fm, w }: (typeof SET)[number]): Transformation {
  const parsed = parseTransformation([
    ['w', `${w}`],
    ['fm', fm],
  ]);
  if (!parsed.ok) throw new Error(`the grammar refuses w=${w}&fm=${fm}`);
  return parsed.transformation;
}

function labelOf(one: (typeof SET)[number] | undefined): string {
  return one ? `${one.fm} ${one.w}` : '';
}
