import { fork } from 'node:child_process';
import { once } from 'node:events';
import { existsSync } from 'node:fs';
import { mkdir, mkdtemp, readdir, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { basename, join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { createClient } from '@safelight/sdk';
import { WORKER_ENVIRONMENT } from '../packages/service/src/renditions/process.ts';
import { writePicture } from '../scripts/make-pictures.ts';
import { Safelight } from '../test/support/safelight.ts';
import { groupCpuMs } from './support/group-cpu.ts';
import { numberOption } from './support/number-option.ts';
import { median } from './support/statistics.ts';

/**
 * What the service costs: from upload to three presets ready, CPU milliseconds per picture of the whole group (node,
 * workers, probe, PostgreSQL), and wall-clock time, against the best bare loop that makes the same pixels with the same
 * fsyncs (support/bare-loop.ts). Rounds of both alternate; ratios are of each pair, and their median is what counts.
 *
 *     node bench/cost.ts [--rounds 3] [--copies 64] [--wait] [PICTURE…]
 *
 * The pictures are all photographs of the corpus unless others are named. Every copy of one differs by a few bytes after
 * its end, so that nothing is a duplicate; nothing is removed before the end, because a file system without a journal
 * makes whoever creates files shortly after a removal pay for it. With `--wait` each upload waits for its presets
 * (`?wait=30`), which hurries them and reads the picture once more. A round of 16 copies lasts for a second, of which the
 * beginning and the end are half idle; one of 64 shows what a service costs that has enough to do. The bare loop has the
 * worker's allocator settings. Both are warm, as a service is that has run for some minutes.
 */
interface Image {
  readonly urls: Readonly<Record<string, string>>;
}

const CORPUS = fileURLToPath(new URL('../../shared/corpus/', import.meta.url));
const PHOTOGRAPH = /^(p12-baseline|photo-.*)\.jpg$/;
const AT_ONCE = 4;
/** Until then the compilers of the node's and the workers' own code are measured as well. */
const WARM_UP_COPIES = 2_000;
const POLL_MS = 100;

const rounds = numberOption('--rounds', 3);
const copies = numberOption('--copies', 64);
const waits = process.argv.includes('--wait');
let outFolders = 0;
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
  await warmUp(pictures);
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

async function warmUp(pictures: readonly string[]): Promise<void> {
  const sizes = await Promise.all(pictures.map(async (path) => ({ path, bytes: (await stat(path)).size })));
  const picture = sizes.reduce((least, one) => (one.bytes < least.bytes ? one : least)).path;
  const paths = await copiesOf(picture, Number.NaN, WARM_UP_COPIES);
  await throughService(paths);
  await throughBare(paths);
}

async function throughService(paths: readonly string[]) {
  const client = createClient({ baseUrl: safelight.url, key: await safelight.demoKey() });
  const pid = safelight.process.pid ?? 0;
  const [cpu, wall] = [groupCpuMs(pid), performance.now()];
  let next = 0;
  let last: Image = { urls: {} };
  const turn = async () => {
    for (let index = next; index < paths.length; index = next) {
      next += 1;
      last = await upload(paths[index] ?? '');
    }
  };
  await Promise.all(Array.from({ length: AT_ONCE }, turn));
  // Waits for what was sent last, so that asking for the rest costs next to nothing.
  await (await fetch(last.urls.large ?? '')).arrayBuffer();
  while ((await client.images.list({ state: 'pending', limit: 1 })).images.length > 0) await sleep(POLL_MS);
  const { images } = await client.images.list({ state: 'failed', limit: 1 });
  if (images[0]) throw new Error(`${images[0].id} has failed`);
  return { cpuMs: (groupCpuMs(pid) - cpu) / paths.length, wallMs: performance.now() - wall };
}

/** As curl sends one: without the idempotency key that the SDK adds, which takes a transaction of its own. */
async function upload(path: string): Promise<Image> {
  const headers = { authorization: `Bearer ${await safelight.demoKey()}` };
  const url = `${safelight.url}/v1/images${waits ? '?wait=30' : ''}`;
  const response = await fetch(url, { method: 'POST', headers, body: await readFile(path) });
  if (!response.ok) throw new Error(`${path}: ${response.status} ${await response.text()}`);
  return (await response.json()) as Image;
}

async function throughBare(paths: readonly string[]) {
  outFolders += 1;
  const wall = performance.now();
  bare.send({ paths, folder: join(folder, `out-${outFolders}`) });
  const [{ cpuMs }] = (await once(bare, 'message')) as [{ cpuMs: number }];
  return { cpuMs: cpuMs / paths.length, wallMs: performance.now() - wall };
}

async function copiesOf(picture: string, round: number, count: number): Promise<string[]> {
  await mkdir(join(folder, 'in'), { recursive: true });
  const bytes = await readFile(picture);
  return Promise.all(
    Array.from({ length: count }, async (_, copy) => {
      const path = join(folder, 'in', `${round}-${copy}-${basename(picture)}`);
      await writeFile(path, Buffer.concat([bytes, Buffer.from(`\0${basename(picture)} ${round} ${copy}`)]));
      return path;
    }),
  );
}

async function choosePictures(): Promise<string[]> {
  const given = process.argv.slice(2).filter((argument) => /\.(jpe?g|png)$/i.test(argument));
  if (given.length > 0) return given;
  if (existsSync(CORPUS)) {
    const names = await readdir(CORPUS);
    return names.filter((name) => PHOTOGRAPH.test(name)).map((name) => join(CORPUS, name));
  }
  return [await writePicture('baseline-12mp', folder), await writePicture('progressive-6mp', folder)];
}
