import { readFileSync, rmSync, statSync } from 'node:fs';
import { basename, join } from 'node:path';
import { ClusterStartError } from './errors.ts';
import { listProcesses, type ProcessFacts, readProcess, workingDirectory } from './processes.ts';
import { until } from './wait.ts';

/** A signal and how long it gets to work, in ms. */
export type Rung = readonly [signal: NodeJS.Signals, msMax: number];

/** Fast shutdown, immediate shutdown (recovery follows), the end. */
export const SHUTDOWN_LADDER: readonly Rung[] = [
  ['SIGINT', 4_000],
  ['SIGQUIT', 1_000],
  ['SIGKILL', 2_000],
];

/** Backends whose postmaster is dead have nobody to answer to: a busy one would otherwise finish its query first. */
const ORPHAN_LADDER: readonly Rung[] = [
  ['SIGQUIT', 1_000],
  ['SIGKILL', 2_000],
];

const KILLED_MS_MAX = 2_000;

/** Stands in the title of every process of the cluster, where all users can read it. Unique by the folder's inode. */
export function clusterName(data: string): string {
  const { dev, ino } = statSync(data, { bigint: true });
  return `safelight-${dev.toString(16)}-${ino.toString(16)}`;
}

/**
 * Ends every living process of the cluster in `data`, whoever started it, and removes a pid file that would block the
 * next postmaster. The caller holds the folder's lock. Bounded by 10 s; {@link ClusterStartError} if something stays.
 */
export async function endOrphans(data: string, log: (line: string) => void): Promise<void> {
  const title = `postgres: ${clusterName(data)}: `;
  const postmasters = (facts: ProcessFacts) => isPostmaster(facts, data);
  const any = (facts: ProcessFacts) => isPostmaster(facts, data) || facts.argv[0]?.startsWith(title) === true;
  await climb(postmasters, SHUTDOWN_LADDER, log);
  await climb(any, ORPHAN_LADDER, log);
  const left = listProcesses().filter(any);
  if (left.length > 0) {
    throw new ClusterStartError(`processes of an earlier server do not end: ${left.map(describe).join(', ')}`);
  }
  removeBlockingPidFile(data);
}

/**
 * Kills every process that works in `folder`, which is thrown away; where the system does not tell (Linux does), they
 * are left. Bounded by 2 s.
 */
export async function endProcessesIn(folder: string): Promise<void> {
  const inside = () => listProcesses().filter(({ pid }) => `${workingDirectory(pid)}/`.startsWith(`${folder}/`));
  for (const { pid } of inside()) signalPid(pid, 'SIGKILL');
  await until(() => inside().length === 0, KILLED_MS_MAX);
}

/** By what it runs and for which folder, never by its name alone; under setpriv, too, before that becomes postgres. */
function isPostmaster({ argv }: ProcessFacts, data: string): boolean {
  const [first = '', ...rest] = argv;
  // As `ps` tells it, undivided.
  if (rest.length === 0) return first.startsWith('/') && `${first} `.includes(`/postgres -D ${data} `);
  const option = argv.indexOf('-D');
  const program = basename(argv[option - 1] ?? '');
  return argv[option + 1] === data && program === 'postgres' && (option === 1 || basename(first) === 'setpriv');
}

async function climb(
  matches: (facts: ProcessFacts) => boolean,
  ladder: readonly Rung[],
  log: (line: string) => void,
): Promise<void> {
  const found = listProcesses().filter((facts) => !facts.zombie && matches(facts));
  const alive = () => found.filter(({ pid, started }) => same(readProcess(pid), started, matches));
  for (const [signal, msMax] of ladder) {
    // Each pid is looked at again in the moment before it is signalled.
    for (const facts of alive()) {
      log(`${signal} to ${describe(facts)}, left over from an earlier start`);
      signalPid(facts.pid, signal);
    }
    if (await until(() => alive().length === 0, msMax)) return;
  }
}

function same(
  facts: ProcessFacts | undefined,
  started: string,
  matches: (facts: ProcessFacts) => boolean,
): facts is ProcessFacts {
  return facts !== undefined && !facts.zombie && facts.started === started && matches(facts);
}

function signalPid(pid: number, signal: NodeJS.Signals): void {
  try {
    process.kill(pid, signal);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ESRCH') throw error;
  }
}

function describe({ pid, argv }: ProcessFacts): string {
  return `process ${pid} (${argv
    .join(' ')
    .replace(/ -c .*/, '')
    .trim()})`;
}

/**
 * postmaster.pid names a pid that kill(2) finds though no server is behind it: a zombie that nobody collects, or, in
 * a restarted container, another program with the same number. PostgreSQL would refuse to start for as long as that
 * lasts, as it does for one that is empty, which a power cut leaves when it comes before the file's own fsync. A dead
 * pid it handles itself, and whatever may be a server it shall judge.
 */
function removeBlockingPidFile(data: string): void {
  const path = join(data, 'postmaster.pid');
  let pid: number;
  try {
    pid = Number.parseInt(readFileSync(path, 'utf8'), 10);
  } catch {
    return;
  }
  const facts = pid > 0 ? readProcess(pid) : undefined;
  if (Number.isNaN(pid)) rmSync(path, { force: true });
  else if (facts && (facts.zombie || !facts.argv.join(' ').includes('postgres'))) rmSync(path, { force: true });
}
