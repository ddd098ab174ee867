import { existsSync } from 'node:fs';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { loadavg, tmpdir } from 'node:os';
import { basename, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { writePicture } from '../scripts/make-pictures.ts';
import { Safelight } from '../test/support/safelight.ts';
import { type Answer, closedLoop } from './support/closed-loop.ts';
import { groupCpuMs } from './support/group-cpu.ts';
import { type GroupMemory, watchMemory } from './support/group-memory.ts';
import { QUALITY, type Subject, startPeers, WIDTH, writeOriginals } from './support/peer-subjects.ts';
import { cpuMsByPart, uploadCopies, urlSigner } from './support/safelight-stand.ts';
import { lumaOf, referenceLuma, ssim } from './support/ssim.ts';
import { median, quantile } from './support/statistics.ts';

/**
 * The field's one question: a 12-megapixel JPEG to 800 pixels at quality 80 over HTTP, nothing cached. Safelight beside
 * bare sharp behind node:http (= 1; peers/bare-sharp.ts), ipx, Next.js's optimizer and nginx's image_filter, each as a
 * whole group of processes: node, workers, PostgreSQL. The peers come from npm and Debian (support/prepare-peers.ts).
 *
 *     node bench/peers.ts [--rounds 5] [--requests 48] [--concurrency 4,16] [--only Safelight,ipx] [PICTURE]
 *
 * Every request asks for a picture that was never asked for: Safelight has that many originals, which differ in bytes
 * after their end, and the peers as many names. Rounds of all subjects alternate, and begin with another one each time;
 * ratios are of the pairs of one round, and their median is printed. The client runs on the same cores, for everybody.
 */
interface Round {
  readonly cpuMs: number;
  /** Per picture, where the subject can tell. */
  readonly cpuMsOfParts: Readonly<Record<string, number>>;
  readonly perSecond: number;
  readonly msOfRequests: readonly number[];
}

interface Measured {
  readonly subject: Subject;
  readonly rounds: Round[];
  peak: GroupMemory;
  last: Answer | undefined;
}

const CORPUS_PICTURE = fileURLToPath(new URL('../../shared/corpus/p12-baseline.jpg', import.meta.url));
const REQUEST_MS_MAX = 60_000;
/** Rounds before the first that counts: compilers, pools and allocators are as they are after a while of service. */
const WARM_UP_ROUNDS = 6;
const REFERENCE = 'bare sharp';
const OURS = 'Safelight';
const CPU_RATIO_MAX = 1.05;
const THROUGHPUT_RATIO_MIN = 0.95;

const { values, positionals } = parseArgs({
  options: {
    rounds: { type: 'string', default: '5' },
    requests: { type: 'string', default: '48' },
    concurrency: { type: 'string', default: '4,16' },
    only: { type: 'string' },
  },
  allowPositionals: true,
});
const rounds = WARM_UP_ROUNDS + Number(values.rounds);
/** And one whose time does not count, in which the memory is watched: that takes more CPU the more a group has of it. */
const roundsOfLevel = rounds + 1;
const requests = Number(values.requests);
const levels = values.concurrency.split(',').map(Number);
const chosen = values.only?.split(',');
const isChosen = (name: string) => name === REFERENCE || !chosen || chosen.some((part) => name.includes(part));

const folder = await mkdtemp(join(tmpdir(), 'safelight-peers-'));
const subjects: Subject[] = [];
try {
  const path =
    positionals[0] ?? (existsSync(CORPUS_PICTURE) ? CORPUS_PICTURE : await writePicture('baseline-12mp', folder));
  const picture = await readFile(path);
  const count = levels.length * roundsOfLevel * requests;
  const originals = await writeOriginals(picture, folder, count);
  subjects.push(...(await startPeers({ originals, folder, only: isChosen })));
  if (isChosen(OURS)) subjects.push(await startSafelight(picture, count));
  console.log(
    `${basename(path)} → ${WIDTH} pixels, JPEG ${QUALITY}; ${requests} requests a round, ${values.rounds} rounds`,
  );
  console.log(subjects.map(({ name, version }) => `${name} ${version}`).join(', '));
  const reference = await referenceLuma(picture, WIDTH);
  for (const [at, concurrency] of levels.entries()) {
    const measured = await measure(concurrency, at * roundsOfLevel * requests);
    await print(concurrency, measured, reference);
  }
} finally {
  for (const subject of subjects) await subject.end();
  await rm(folder, { recursive: true, force: true });
}

async function startSafelight(picture: Uint8Array, count: number): Promise<Subject> {
  const safelight = await Safelight.start();
  try {
    const names = Array.from({ length: count }, (_, index) => `${index}`);
    const images = await uploadCopies(safelight, picture, names);
    const sign = await urlSigner(safelight);
    const urls = await Promise.all(images.map((image) => sign(image, { w: WIDTH, fm: 'jpg', q: QUALITY })));
    return {
      name: OURS,
      version: '',
      pid: safelight.process.pid ?? 0,
      urlOf: (index) => urls[index] ?? '',
      end: () => safelight.close(),
      cpuMsByPart: () => cpuMsByPart(safelight),
    };
  } catch (error) {
    await safelight.close();
    throw error;
  }
}

async function measure(concurrency: number, first: number): Promise<Measured[]> {
  const measured = subjects.map((subject): Measured => {
    return { subject, rounds: [], peak: { rssBytes: 0, pssBytes: 0, anonymousBytes: 0 }, last: undefined };
  });
  for (let round = 0; round < roundsOfLevel; round += 1) {
    const start = round % measured.length;
    for (const one of [...measured.slice(start), ...measured.slice(0, start)]) {
      const urls = Array.from({ length: requests }, (_, index) => one.subject.urlOf(first + round * requests + index));
      if (round === rounds) {
        const memory = watchMemory(one.subject.pid);
        await closedLoop(urls, concurrency, REQUEST_MS_MAX);
        one.peak = memory.stop();
        continue;
      }
      const result = await runRound(one, urls, concurrency);
      if (round >= WARM_UP_ROUNDS) one.rounds.push(result);
    }
  }
  return measured;
}

async function runRound(one: Measured, urls: readonly string[], concurrency: number): Promise<Round> {
  const { pid } = one.subject;
  const partsBefore = one.subject.cpuMsByPart?.() ?? {};
  const cpuBefore = groupCpuMs(pid);
  const { answers, wallMs } = await closedLoop(urls, concurrency, REQUEST_MS_MAX);
  const cpuMs = groupCpuMs(pid) - cpuBefore;
  const parts = Object.entries(one.subject.cpuMsByPart?.() ?? {});
  const cpuMsOfParts = parts.map(([part, ms]) => [part, (ms - (partsBefore[part] ?? 0)) / urls.length] as const);
  one.last = answers.at(-1);
  return {
    cpuMs: cpuMs / urls.length,
    cpuMsOfParts: Object.fromEntries(cpuMsOfParts),
    perSecond: (urls.length * 1000) / wallMs,
    msOfRequests: answers.map(({ ms }) => ms),
  };
}

async function print(
  concurrency: number,
  measured: readonly Measured[],
  reference: Awaited<ReturnType<typeof lumaOf>>,
) {
  const bare = measured.find(({ subject }) => subject.name === REFERENCE);
  console.log(
    `\nconcurrency ${concurrency} (load average ${loadavg()[0]?.toFixed(1)}); CPU and memory of the whole group`,
  );
  console.log(`${''.padEnd(26)}CPU ms  ÷ bare     /s  ÷ bare  p50 ms  p99 ms  RSS MB  PSS MB   bytes    SSIM`);
  for (const { subject, rounds, peak, last } of measured) {
    const ratio = (of: (round: Round) => number) =>
      median(rounds.map((round, index) => of(round) / of(bare?.rounds[index] ?? round)));
    const [cpu, throughput] = [ratio(({ cpuMs }) => cpuMs), ratio(({ perSecond }) => perSecond)];
    const ms = rounds.flatMap(({ msOfRequests }) => msOfRequests);
    const cells = [
      median(rounds.map(({ cpuMs }) => cpuMs)).toFixed(1),
      cpu.toFixed(2),
      median(rounds.map(({ perSecond }) => perSecond)).toFixed(1),
      throughput.toFixed(2),
      quantile(ms, 0.5).toFixed(0),
      quantile(ms, 0.99).toFixed(0),
      (peak.rssBytes / 1e6).toFixed(0),
      (peak.pssBytes / 1e6).toFixed(0),
      `${last?.body.length ?? 0}`,
      last ? ssim(reference, await lumaOf(last.body)).toFixed(4) : '',
    ];
    console.log(`${subject.name.padEnd(24)}${cells.map((cell) => cell.padStart(8)).join('')}`);
    const parts = Object.keys(rounds[0]?.cpuMsOfParts ?? {}).map(
      (part) => `${part} ${median(rounds.map(({ cpuMsOfParts }) => cpuMsOfParts[part] ?? 0)).toFixed(1)}`,
    );
    if (parts.length > 0) console.log(`  of these: ${parts.join(', ')} ms`);
    if (subject.name === OURS) judge(cpu, throughput);
  }
}

function judge(cpu: number, throughput: number): void {
  if (cpu <= CPU_RATIO_MAX && throughput >= THROUGHPUT_RATIO_MIN) return;
  process.exitCode = 1;
  console.log(
    `  above is not within ${CPU_RATIO_MAX} of the reference's CPU and ${THROUGHPUT_RATIO_MIN} of its throughput`,
  );
}
