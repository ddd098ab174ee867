import { setTimeout as pause } from 'node:timers/promises';
import { systemClock } from '../packages/service/src/core/clock.ts';
import { findDelivery } from '../packages/service/src/images/index.ts';
import { lockOriginal } from '../packages/service/src/originals/index.ts';
import { orderRenditions, readTransformation } from '../packages/service/src/renditions/index.ts';
import { findTenant } from '../packages/service/src/tenants/index.ts';
import { photo } from '../scripts/make-pictures.ts';
import { withNodeDatabase } from '../test/support/node-database.ts';
import { workersOf } from '../test/support/processes.ts';
import { Safelight } from '../test/support/safelight.ts';
import { groupCpuMs } from './support/group-cpu.ts';
import { runLoad } from './support/load.ts';
import { distinct, idle, upload } from './support/safelight-stand.ts';
import { median } from './support/statistics.ts';

/**
 * Whether encoding starves delivery: the p99 of a cached delivery while every worker process encodes AVIF, against the
 * same while they stand still, in turn. In one process with the encoders a 60 kB file waited 7.7 s, since they share
 * libuv's four threads. Small pictures come from memory, large ones are read from the object store.
 *
 *     node bench/starvation.ts [--rounds 5] [--seconds 4]
 */
const argument = (name: string, fallback: number) => Number(process.argv[process.argv.indexOf(name) + 1]) || fallback;
const rounds = argument('--rounds', 5);
const roundMs = argument('--seconds', 4) * 1000;
/** Some 300 requests per second: what delivery waits for is to be seen, not how much of it there can be. */
const LOAD = { connections: 4, pauseMs: 10 };
const SETTLE_MS = 500;
const IMAGES = 24;
const ENCODES_PER_IMAGE = 20;

const safelight = await Safelight.start();
try {
  const urls = await makePictures();
  await orderEncodes();
  console.log('picture\tidle p50 ms\tp99 ms\tencoding p50 ms\tp99 ms\tp99 encoding ÷ idle\tcores encoding');
  for (const [name, url] of Object.entries(urls)) await compare(name, url);
} finally {
  setEncoding(true);
  await safelight.close();
}

async function makePictures(): Promise<Record<string, string>> {
  const plain = await upload(safelight, await photo(1600, 1200).jpeg({ quality: 90 }).toBuffer());
  const large = await upload(safelight, await photo(1200, 900).ensureAlpha(0.8).png().toBuffer());
  await idle(safelight);
  return { 'from memory': plain.urls.large ?? '', streamed: large.urls.large ?? '' };
}

/** More AVIF than the workers can make while this runs: large, and none like another. */
async function orderEncodes(): Promise<void> {
  const picture = await photo(3000, 2000).jpeg({ quality: 90 }).toBuffer();
  const images = await Promise.all(
    Array.from({ length: IMAGES }, (_, index) => upload(safelight, distinct(picture, `${index}`))),
  );
  await idle(safelight);
  setEncoding(false);
  await withNodeDatabase(safelight, async (database) => {
    const tenantId = (await findTenant(database, 'demo'))?.tenantId ?? '';
    for (const [index, { id }] of images.entries()) {
      const lookup = await findDelivery(database, tenantId, id, 'fm=avif');
      if (lookup.state !== 'found') throw new Error(`${id} is ${lookup.state}`);
      const { originalId, source } = lookup.value;
      const transformations = Array.from(
        { length: ENCODES_PER_IMAGE },
        (_, each) => `fm=avif&q=60&w=${2800 - index * ENCODES_PER_IMAGE - each}`,
      );
      for (const transformation of transformations) readTransformation(transformation);
      await database.asTenant(tenantId, async (tx) => {
        await lockOriginal(tx, tenantId, originalId, 'change');
        await orderRenditions(tx, systemClock, { tenantId, originalId, source, transformations, lane: 'batch' });
      });
    }
  });
}

/** Lets the worker processes run, or holds them where they are. */
function setEncoding(isOn: boolean): void {
  for (const pid of workersOf(safelight)) process.kill(pid, isOn ? 'SIGCONT' : 'SIGSTOP');
}

async function compare(name: string, url: string): Promise<void> {
  const seen = { idle: [] as Latency[], encoding: [] as Latency[] };
  const cores: number[] = [];
  await runLoad({ urls: [url], ms: SETTLE_MS, ...LOAD });
  for (let round = 0; round < rounds; round += 1) {
    setEncoding(false);
    await pause(SETTLE_MS);
    seen.idle.push((await runLoad({ urls: [url], ms: roundMs, ...LOAD })).ms);
    setEncoding(true);
    await pause(SETTLE_MS);
    const before = workersCpuMs();
    const since = performance.now();
    seen.encoding.push((await runLoad({ urls: [url], ms: roundMs, ...LOAD })).ms);
    cores.push((workersCpuMs() - before) / (performance.now() - since));
    await holdThatWorkersHadWork();
  }
  const busy = median(cores);
  const ratios = seen.encoding.map(({ p99 }, round) => p99 / (seen.idle[round]?.p99 ?? Number.NaN));
  const of = (kind: 'idle' | 'encoding', key: 'p50' | 'p99') => median(seen[kind].map((ms) => ms[key])).toFixed(2);
  const cells = [of('idle', 'p50'), of('idle', 'p99'), of('encoding', 'p50'), of('encoding', 'p99')];
  console.log([name, ...cells, median(ratios).toFixed(2), busy.toFixed(2)].join('\t'));
}

/** @throws when a worker has run out of pictures to encode: then this measured something else. */
async function holdThatWorkersHadWork(): Promise<void> {
  const workers = workersOf(safelight).length;
  await withNodeDatabase(safelight, async (database) => {
    const [row] = await database.query<{ leased: number }>(
      `SELECT count(*) AS leased FROM jobs WHERE state = 'leased'`,
    );
    if ((row?.leased ?? 0) < workers) throw new Error('the workers ran out of work: order more');
  });
}

interface Latency {
  readonly p50: number;
  readonly p99: number;
}

function workersCpuMs(): number {
  return workersOf(safelight).reduce((sum, pid) => sum + groupCpuMs(pid), 0);
}
