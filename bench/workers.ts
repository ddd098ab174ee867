import { loadavg } from 'node:os';
import { parseArgs } from 'node:util';
import { createClient } from '@safelight/sdk';
import { photo } from '../scripts/make-pictures.ts';
import { awaitWorkers } from '../test/support/processes.ts';
import { Safelight } from '../test/support/safelight.ts';
import { cpuMsByPart, distinct, idle } from './support/safelight-stand.ts';
import { median } from './support/statistics.ts';

/**
 * One node with 1, 2 and 4 worker processes: pictures per second from the first upload until the last rendition is made,
 * and CPU of the workers per picture. Rounds are interleaved, since machines have moods; ratios count, not rates.
 *
 *     node bench/workers.ts [--pictures 30] [--rounds 2]
 *
 * With two cores and nothing else on them, some 1.5 minutes.
 */
const { values } = parseArgs({
  options: { pictures: { type: 'string', default: '30' }, rounds: { type: 'string', default: '2' } },
});
const WORKERS = [1, 2, 4] as const;
const WARM_UP = 4;
const UPLOADS_AT_ONCE = 4;

interface Round {
  readonly picturesPerSecond: number;
  readonly workerMsPerPicture: number;
  readonly otherMsPerPicture: number;
}

const picture = await photo(4_000, 3_000).jpeg({ quality: 85 }).toBuffer();
const rounds = new Map<number, Round[]>(WORKERS.map((workers) => [workers, []]));
for (let round = 0; round < Number(values.rounds); round += 1) {
  for (const workers of WORKERS) rounds.get(workers)?.push(await measure(workers));
}
console.log(`load ${loadavg()[0]?.toFixed(1)}, ${values.pictures} photographs of 12 MP, three renditions each`);
console.log('workers  pictures/s  of one  CPU of workers per picture  of one  of node and PostgreSQL');
const one = summary(rounds.get(1) ?? []);
for (const workers of WORKERS) {
  const { picturesPerSecond, workerMsPerPicture, otherMsPerPicture } = summary(rounds.get(workers) ?? []);
  const cells = [
    String(workers).padStart(7),
    picturesPerSecond.toFixed(2).padStart(10),
    (picturesPerSecond / one.picturesPerSecond).toFixed(2).padStart(6),
    `${workerMsPerPicture.toFixed(0)} ms`.padStart(26),
    (workerMsPerPicture / one.workerMsPerPicture).toFixed(2).padStart(6),
    `${otherMsPerPicture.toFixed(0)} ms`.padStart(22),
  ];
  console.log(cells.join('  '));
}

async function measure(workers: number): Promise<Round> {
  const safelight = await Safelight.start({ env: { SAFELIGHT_WORKERS: String(workers) } });
  try {
    await awaitWorkers(safelight, workers);
    await develop(safelight, names('warm', WARM_UP));
    const before = cpuMsByPart(safelight);
    const began = performance.now();
    const pictures = Number(values.pictures);
    await develop(safelight, names('measured', pictures));
    const seconds = (performance.now() - began) / 1_000;
    const after = cpuMsByPart(safelight);
    const spent = (part: string) => ((after[part] ?? 0) - (before[part] ?? 0)) / pictures;
    return {
      picturesPerSecond: pictures / seconds,
      workerMsPerPicture: spent('workers'),
      otherMsPerPicture: spent('node') + spent('PostgreSQL'),
    };
  } finally {
    await safelight.close();
  }
}

/** Sends copies, again where a busy node asks for it, and waits until everything of them is made. */
async function develop(safelight: Safelight, copies: string[]): Promise<void> {
  const { images } = createClient({ baseUrl: safelight.url, key: await safelight.demoKey() });
  const turn = async () => {
    for (let name = copies.pop(); name !== undefined; name = copies.pop()) {
      await images.create(Uint8Array.from(distinct(picture, name)));
    }
  };
  await Promise.all(Array.from({ length: UPLOADS_AT_ONCE }, turn));
  await idle(safelight);
}

function names(prefix: string, count: number): string[] {
  return Array.from({ length: count }, (_, index) => `${prefix}-${index}`);
}

function summary(measured: readonly Round[]): Round {
  return {
    picturesPerSecond: median(measured.map(({ picturesPerSecond }) => picturesPerSecond)),
    workerMsPerPicture: median(measured.map(({ workerMsPerPicture }) => workerMsPerPicture)),
    otherMsPerPicture: median(measured.map(({ otherMsPerPicture }) => otherMsPerPicture)),
  };
}
