import { chmodSync, mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { runClient } from './clients.ts';
import { Disk } from './disk.ts';
import { History } from './history.ts';
import { Pictures } from './pictures.ts';
import { signal } from './process-tree.ts';
import { Random } from './random.ts';
import { judge } from './run.ts';
import { Subject } from './subject.ts';
import { Verdict } from './verdict.ts';

export interface PowerCutOptions {
  readonly seed: number;
  readonly cuts: number;
  readonly clients: number;
  readonly paceMs: number;
  readonly onPhase?: (what: string) => void;
}

export interface PowerCutReport {
  /** Copies that the kernel disturbed, and that were made again. */
  readonly torn: number;
  readonly cuts: readonly { readonly acknowledged: number; readonly verdict: Verdict }[];
}

interface Cut {
  readonly image: string;
  /** What the clients knew in that instant. */
  readonly history: History;
}

/** Time between two cuts: short enough that the kernel has not written back by itself what nobody synced (30 s). */
const CUT_AFTER_MS = [2_500, 8_000] as const;
const TORN_MAX = 20;

/** Cuts the power of a node at work, again and again, then starts one on each disk as it was left and judges it. */
export async function runPowerCuts(options: PowerCutOptions): Promise<PowerCutReport> {
  const say = options.onPhase ?? (() => undefined);
  const folder = mkdtempSync(join(tmpdir(), 'safelight-power-'));
  try {
    const { cuts, torn } = await cutAtWork(folder, options, say);
    const judged: { acknowledged: number; verdict: Verdict }[] = [];
    for (const { image, history } of cuts) {
      const acknowledged = history.uploads.filter((upload) => upload.acknowledged).length;
      judged.push({ acknowledged, verdict: await judgeDisk(image, history) });
      say(`${acknowledged} uploads acknowledged, ${judged.at(-1)?.verdict.violations.length} violations`);
      rmSync(image);
    }
    return { torn, cuts: judged };
  } finally {
    rmSync(folder, { recursive: true });
  }
}

async function cutAtWork(
  folder: string,
  { seed, cuts, clients, paceMs }: PowerCutOptions,
  say: (what: string) => void,
): Promise<{ cuts: Cut[]; torn: number }> {
  const random = new Random(seed);
  const pictures = await Pictures.make(random.fork());
  const disk = Disk.make();
  const history = new History();
  const over = new AbortController();
  const made: Cut[] = [];
  let torn = 0;
  let subject: Subject | undefined;
  try {
    subject = await Subject.start({ data: dataOn(disk), env: ENV });
    const parts = { subject, history, pictures, paceMs, signal: over.signal };
    const running = Array.from({ length: clients }, (_, client) =>
      runClient({ ...parts, client, random: random.fork() }),
    );
    while (made.length < cuts && torn < TORN_MAX) {
      await sleep(random.between(...CUT_AFTER_MS));
      const cut = cutNow(subject, disk, history, join(folder, `${made.length}`));
      if (cut) made.push(cut);
      else torn += 1;
      say(cut ? `power cut ${made.length}` : 'the kernel wrote during the copy; again');
    }
    over.abort();
    await Promise.all(running);
  } finally {
    over.abort();
    // Nothing of it may live when a copy is started: both are the same folder to the node's lock.
    await subject?.stop();
    disk.close();
  }
  return { cuts: made, torn };
}

/** In one go, while everything of the group stands still and this process hears of nothing. */
function cutNow(subject: Subject, disk: Disk, history: History, image: string): Cut | undefined {
  const { all } = subject.group();
  const known = history.snapshot();
  for (const pid of all) signal(pid, 'SIGSTOP');
  try {
    return disk.copyTo(image) ? { image, history: known } : undefined;
  } finally {
    for (const pid of all) signal(pid, 'SIGCONT');
  }
}

async function judgeDisk(image: string, history: History): Promise<Verdict> {
  const verdict = new Verdict();
  const disk = Disk.open(image);
  let subject: Subject | undefined;
  try {
    subject = await Subject.start({ data: dataOn(disk), env: ENV });
    await judge(subject, history, verdict);
  } catch (error) {
    verdict.add('stuck', `after the power cut: ${(error as Error).stack}`);
  } finally {
    await subject?.stop();
    disk.close();
  }
  return verdict;
}

const ENV = { SAFELIGHT_WORKERS: '2', SAFELIGHT_LOG_LEVEL: 'error' } as const;

function dataOn(disk: Disk): string {
  const data = join(disk.folder, 'data');
  mkdirSync(data, { recursive: true, mode: 0o700 });
  chmodSync(disk.folder, 0o755);
  return data;
}
