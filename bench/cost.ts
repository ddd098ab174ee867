import { fork } from 'node:child_process';
import { once } from 'node:events';
import { existsSync } from 'node:fs';
import { mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { basename, join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
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
 *     node bench/cost.ts [--rounds 7] [--copies 16] [--wait] [PICTURE…]
 *
 * Every copy of a picture differs by a few bytes after its end, so that nothing is a duplicate. With `--wait` each upload
 * waits for its presets (`?wait=30`), which hurries them and reads the picture once more. The bare loop has the worker's
 * allocator settings. Both are warm, as a service is that has run for a minute.
 */
const CORPUS = fileURLToPath(new URL('../../shared/corpus/', import.meta.url));
const NAMED = [
  'p12-baseline.jpg',
  'photo-bird-6.2mp-base444.jpg',
  'photo-dragonfly-13.4mp-prog.jpg',
  'photo-stream-6.3mp-prog.jpg',
];
const AT_ONCE = 4;
const WARM_UP_COPIES = 160;
const POLL_MS = 100;

const rounds = option('--rounds', 7);
const copies = option('--copies', 16);
const waits = process.argv.includes('--wait');
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
  await warmUp(pictures[0] ?? '');
  const sum = { service: 0, bare: 0 };
  for (const picture of pictures) {
    const spent = await compare(picture);
    sum.service += spent.service;
    sum.bare += spent.bare;
  }
  console.log(`\nservice ÷ bare, all pictures together: ${(sum.service / sum.bare).toFixed(3)}`);
} finally {
  bare.disconnect();
  await safelight.close();
  await rm(folder, { recursive: true, force: true });
}

async function compare(picture: string): Promise<{ service: number; bare: number }> {
  const measured = { service: [] as number[], bare: [] as number[], ratio: [] as number[], wall: [] as number[] };
  for (let round = -1; round < rounds; round += 1) {
    const paths = await copiesOf(picture, round, copies);
    const [a, b] = [await throughService(paths), await throughBare(paths)];
    await rm(join(folder, 'in'), { recursive: true });
    if (round < 0) continue;
    measured.service.push(a.cpuMs);
    measured.bare.push(b.cpuMs);
    measured.ratio.push(a.cpuMs / b.cpuMs);
    measured.wall.push(a.wallMs / b.wallMs);
  }
  const spent = { service: median(measured.service), bare: median(measured.bare) };
  const cells = [
    spent.service.toFixed(1),
    spent.bare.toFixed(1),
    median(measured.ratio).toFixed(3),
    median(measured.wall).toFixed(2),
  ];
  console.log(`${basename(picture).padEnd(34)}${cells.map((cell) => cell.padStart(9)).join('')}`);
  return spent;
}

async function warmUp(picture: string): Promise<void> {
  const paths = await copiesOf(picture, Number.NaN, WARM_UP_COPIES);
  await throughService(paths);
  await throughBare(paths);
  await rm(join(folder, 'in'), { recursive: true });
}

async function throughService(paths: readonly string[]) {
  const client = createClient({ baseUrl: safelight.url, key: await safelight.demoKey() });
  const pid = safelight.process.pid ?? 0;
  const [cpu, wall] = [groupCpuMs(pid), performance.now()];
  let next = 0;
  const turn = async () => {
    for (let index = next; index < paths.length; index = next) {
      next += 1;
      const image = await client.images.create(await readFile(paths[index] ?? ''), waits ? { wait: 30 } : {});
      if (image.state !== (waits ? 'ready' : 'pending')) throw new Error(`${paths[index]} is ${image.state}`);
    }
  };
  await Promise.all(Array.from({ length: AT_ONCE }, turn));
  while ((await client.images.list({ state: 'pending', limit: 1 })).images.length > 0) await sleep(POLL_MS);
  const { images } = await client.images.list({ state: 'failed', limit: 1 });
  if (images[0]) throw new Error(`${images[0].id} has failed`);
  return { cpuMs: (groupCpuMs(pid) - cpu) / paths.length, wallMs: performance.now() - wall };
}

async function throughBare(paths: readonly string[]) {
  const wall = performance.now();
  bare.send({ paths, folder: join(folder, 'out') });
  const [{ cpuMs }] = (await once(bare, 'message')) as [{ cpuMs: number }];
  return { cpuMs: cpuMs / paths.length, wallMs: performance.now() - wall };
}

async function copiesOf(picture: string, round: number, count: number): Promise<string[]> {
  await mkdir(join(folder, 'in'), { recursive: true });
  const bytes = await readFile(picture);
  return Promise.all(
    Array.from({ length: count }, async (_, copy) => {
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
