import { randomUUID } from 'node:crypto';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseTransformation, type Transformation } from '@safelight/contract';
import type { Lane } from '../packages/service/src/jobs/index.ts';
import { BOUNDS_DEFAULT } from '../packages/service/src/renditions/bounds.ts';
import { CRASH_ISOLATION } from '../packages/service/src/renditions/isolation.ts';
import { predictJob } from '../packages/service/src/renditions/predict.ts';
import { startWorkerProcess } from '../packages/service/src/renditions/process.ts';
import { photo } from '../scripts/make-pictures.ts';

/**
 * Measures what the prediction of jobs is made of: CPU and peak memory by format, size and decoder, each in a fresh
 * worker process, beside what is predicted. `node bench/fit-cost.ts [FILE…]`; without files, pictures made here.
 */
const LIMITS = { deadlineMs: 600_000, rssBytesMax: 16e9 };
const ROUNDS = 3;
const PRESETS: readonly Transformation[] = [600, 300, 100].map((side) => ({ w: side, h: side }));

interface Case {
  readonly name: string;
  readonly bytes: Buffer;
  readonly transformations: readonly Transformation[];
  readonly lane?: Lane;
}

/** What is done to a picture besides scaling it. */
const TREATMENTS = [
  ...['bri=20', 'gam=20', 'sat=20', 'hue=20', 'invert=true', 'sepia=50', 'monochrome=f00'],
  ...['blur=4', 'blur=16', 'blur=40', 'blur=200', 'sharp=20'],
  ...['rot=45', 'rot=90', 'flip=v', 'pad=100', 'pad=100&bg=fff', 'border-radius=max'],
  ...[
    'fit=crop&h=900',
    'fit=crop&crop=entropy&h=900',
    'fit=crop&crop=edges&h=900',
    'fit=fill&h=3000',
    'dpr=3&fit=scale',
  ],
];

const scratch = await mkdtemp(join(tmpdir(), 'safelight-fit-'));
console.log('case\tMP\tMB\tCPU ms\tpredicted\tpeak MB\tpredicted');
try {
  const files = process.argv.slice(2);
  for await (const one of files.length > 0 ? given(files) : made()) await measure(one);
} finally {
  await rm(scratch, { recursive: true, force: true });
}

function readAsk(ask: string, width: number): Transformation {
  const parsed = parseTransformation(new URLSearchParams(`${ask}&w=${Math.round(width)}`));
  if (!parsed.ok) throw new Error(`${ask}: ${JSON.stringify(parsed.problems)}`);
  return parsed.transformation;
}

async function* given(files: readonly string[]): AsyncGenerator<Case> {
  const { readFile } = await import('node:fs/promises');
  for (const file of files) {
    yield { name: file.split('/').at(-1) ?? file, bytes: await readFile(file), transformations: PRESETS };
  }
}

async function* made(): AsyncGenerator<Case> {
  for (const [width, height] of [
    [2000, 1500],
    [5000, 4000],
  ] as const) {
    const baseline = await photo(width, height).jpeg({ quality: 90 }).toBuffer();
    const progressive = await photo(width, height).jpeg({ quality: 90, progressive: true }).toBuffer();
    for (const scale of [1, 3.5, 6.5, 12]) {
      const transformations = [{ w: Math.round(width / scale) }, { w: 50 }];
      yield { name: `baseline JPEG at 1/${scale}`, bytes: baseline, transformations };
      yield { name: `progressive JPEG at 1/${scale}`, bytes: progressive, transformations };
    }
    const small = [{ w: 300 }, { w: 50 }];
    const sources = {
      PNG: photo(width, height).png(),
      'interlaced PNG': photo(width, height).png({ progressive: true }),
      '16-bit PNG': photo(width, height).toColourspace('rgb16').png(),
      WebP: photo(width, height).webp({ effort: 1 }),
      'lossless WebP': photo(width, height).webp({ effort: 0, lossless: true }),
      AVIF: photo(width, height).avif({ effort: 0 }),
      'CMYK JPEG': photo(width, height).toColourspace('cmyk').jpeg(),
      TIFF: photo(width, height).tiff({ compression: 'lzw', predictor: 'horizontal' }),
    };
    for (const [name, image] of Object.entries(sources)) {
      yield { name, bytes: await image.toBuffer(), transformations: small };
    }
    for (const ask of TREATMENTS) {
      yield {
        name: `${ask} at 1/2, as JPEG`,
        bytes: baseline,
        transformations: [readAsk(`fm=jpg&${ask}`, width / 2), { w: 50 }],
      };
    }
    for (const ask of [
      'fm=webp&lossless=true',
      'fm=avif&lossless=true',
      'fm=avif&chromasub=444',
      'fm=tiff',
      'fm=jpg&trim=auto',
      'fm=jpg&icc=p3',
    ]) {
      const original = ask.includes('p3')
        ? await photo(width, height).withIccProfile('p3').jpeg().toBuffer()
        : baseline;
      yield { name: `${ask} at 1/2`, bytes: original, transformations: [readAsk(ask, width / 2), { w: 50 }] };
    }
    for (const fm of ['jpg', 'png', 'webp', 'avif', 'gif'] as const) {
      yield { name: `all pixels to ${fm}`, bytes: baseline, transformations: [{ fm }] };
      yield { name: `all pixels to ${fm}, and 50`, bytes: baseline, transformations: [{ fm }, { w: 50 }] };
    }
    for (const transformation of [{ fm: 'avif' }, { fm: 'avif', w: width / 2 }] as const) {
      const name = `${JSON.stringify(transformation)} when nobody waits`;
      yield { name, bytes: baseline, transformations: [transformation], lane: 'batch' };
    }
  }
}

async function measure({ name, bytes, transformations, lane = 'live' }: Case): Promise<void> {
  const log = { warn: (fields: object, message: string) => console.error(message, fields) };
  const worker = startWorkerProcess({ slot: 0, scratchDirectory: join(scratch, 'w'), isolation: CRASH_ISOLATION, log });
  try {
    await worker.ready;
    const folder = worker.scratch.takeFolder(randomUUID());
    await writeFile(join(folder.path, 'original'), bytes);
    const probed = await worker.probe({ id: 'job', folder: folder.name, bounds: BOUNDS_DEFAULT }, LIMITS);
    if ('rejection' in probed) return console.log(`${name}\t${probed.rejection.message}`);
    const { facts: source } = probed;
    const predicted = predictJob(source, transformations, { lane });
    const { effort } = predicted;
    const spent: number[] = [];
    let peak = 0;
    for (let round = 0; round < ROUNDS; round += 1) {
      const job = { id: 'job', folder: folder.name, source, transformations, effort, bounds: BOUNDS_DEFAULT };
      const result = await worker.run(job, LIMITS);
      spent.push(result.cpuMs);
      // Later rounds find memory that earlier ones left; a prediction is about one job.
      peak ||= result.peakRssBytes;
    }
    const cpu = spent.sort((a, b) => a - b)[Math.floor(ROUNDS / 2)] ?? 0;
    const row = [(source.width * source.height) / 1e6, bytes.length / 1e6, cpu, predicted.costMicros / 1_000];
    const memory = [peak / 1e6, predicted.bytes / 1e6].map((value) => value.toFixed(0));
    const shown = effort === undefined ? name : `${name}, effort ${effort}`;
    console.log([shown, ...row.map((value) => value.toFixed(1)), ...memory].join('\t'));
  } finally {
    worker.kill();
    await worker.exited;
    await rm(join(scratch, 'w'), { recursive: true, force: true });
  }
}
