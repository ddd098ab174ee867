import { fork } from 'node:child_process';
import { once } from 'node:events';
import { existsSync } from 'node:fs';
import { mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { basename, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { createClient } from '@safelight/sdk';
import { WORKER_ENVIRONMENT } from '../packages/service/src/renditions/process.ts';
import { writePicture } from '../scripts/make-pictures.ts';
import { Safelight } from '../test/support/safelight.ts';
import { groupCpuMs } from './support/group-cpu.ts';
import { median } from './support/statistics.ts';

/**
 * What the service costs: from upload to three presets ready, CPU milliseconds per picture of the whole group (node,
 * workers, probe, PostgreSQL), and wall-clock time, against the best bare loop that makes the same pixels with the same
 * fsyncs (support/bare-loop.ts). Rounds of both alternate; ratios are of each pair, and their median is what counts.
 *
 *     node bench/cost.ts [--rounds 7] [--copies 8] [PICTURE…]
 *
 * Every copy of a picture differs by a few bytes after its end, so that nothing is a duplicate.
 */
const CORPUS = fileURLToPath(new URL('../../shared/corpus/', import.meta.url));
const NAMED = [
  'p12-baseline.jpg',
  'photo-bird-6.2mp-base444.jpg',
  'photo-dragonfly-13.4mp-prog.jpg',
  'photo-stream-6.3mp-prog.jpg',
];
const AT_ONCE = 4;

const rounds = option('--rounds', 7);
const copies = option('--copies', 8);
const folder = await mkdtemp(join(tmpdir(), 'safelight-cost-'));
const bare = fork(fileURLToPath(new URL('./support/bare-loop.ts', import.meta.url)), {
  // As the workers have it: the loop is the best only with the best allocator settings.
  env: WORKER_ENVIRONMENT,
});
const safelight = await Safelight.start();
try {
  const pictures = await choosePictures();
  console.log(`${pictures.map((path) => basename(path)).join(', ')}; ${copies} copies each, ${rounds} rounds\n`);
  console.log(
    'CPU ms per picture, medians:\npicture                              service     bare    ratio   wall service ÷ bare',
  );
  const all: number[] = [];
  for (const picture of pictures) all.push(await compare(picture));
  console.log(`\nservice ÷ bare, mean over the pictures: ${(all.reduce((a, b) => a + b, 0) / all.length).toFixed(3)}`);
} finally {
  bare.disconnect();
  await safelight.close();
  await rm(folder, { recursive: true, force: true });
}

async function compare(picture: string): Promise<number> {
  const measured = { service: [] as number[], bare: [] as number[], ratio: [] as number[], wall: [] as number[] };
  for (let round = -1; round < rounds; round += 1) {
    const paths = await copiesOf(picture, round);
    const [a, b] = [await throughService(paths), await throughBare(paths)];
    await rm(join(folder, 'in'), { recursive: true });
    if (round < 0) continue;
    measured.service.push(a.cpuMs);
    measured.bare.push(b.cpuMs);
    measured.ratio.push(a.cpuMs / b.cpuMs);
    measured.wall.push(a.wallMs / b.wallMs);
  }
  const ratio = median(measured.ratio);
  const cells = [
    median(measured.service).toFixed(1),
    median(measured.bare).toFixed(1),
    ratio.toFixed(3),
    median(measured.wall).toFixed(2),
  ];
  console.log(`${basename(picture).padEnd(34)}${cells.map((cell) => cell.padStart(9)).join('')}`);
  return ratio;
}

async function throughService(paths: readonly string[]) {
  const client = createClient({ baseUrl: safelight.url, key: await safelight.demoKey() });
  const pid = safelight.process.pid ?? 0;
  const [cpu, wall] = [groupCpuMs(pid), performance.now()];
  let next = 0;
  const turn = async () => {
    for (let index = next; index < paths.length; index = next) {
      next += 1;
      const image = await client.images.create(await readFile(paths[index] ?? ''), { wait: 30 });
      if (image.state !== 'ready') throw new Error(`${paths[index]} is ${image.state}`);
    }
  };
  await Promise.all(Array.from({ length: AT_ONCE }, turn));
  return { cpuMs: (groupCpuMs(pid) - cpu) / paths.length, wallMs: performance.now() - wall };
}

async function throughBare(paths: readonly string[]) {
  const wall = performance.now();
  bare.send({ paths, folder: join(folder, 'out') });
  const [{ cpuMs }] = (await once(bare, 'message')) as [{ cpuMs: number }];
  return { cpuMs: cpuMs / paths.length, wallMs: performance.now() - wall };
}

async function copiesOf(picture: string, round: number): Promise<string[]> {
  await mkdir(join(folder, 'in'), { recursive: true });
  const bytes = await readFile(picture);
  return Promise.all(
    Array.from({ length: copies }, async (_, copy) => {
      const path = join(folder, 'in', `${copy}-${basename(picture)}`);
      await writeFile(path, Buffer.concat([bytes, Buffer.from(`\0${basename(picture)} ${round} ${copy}`)]));
      return path;
    }),
  );
}

async function choosePictures(): Promise<string[]> {
  const given = process.argv.slice(2).filter((argument) => /\.(jpe?g|png)$/i.test(argument));
  if (given.length > 0) return given;
  if (existsSync(CORPUS)) return NAMED.map((name) => join(CORPUS, name));
  return [await writePicture('baseline-12mp', folder), await writePicture('progressive-6mp', folder)];
}

function option(name: string, fallback: number): number {
  const index = process.argv.indexOf(name);
  return index < 0 ? fallback : Number(process.argv[index + 1]);
}
