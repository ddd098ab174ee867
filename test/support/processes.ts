import { readdirSync, readlinkSync } from 'node:fs';
import { basename, join, relative } from 'node:path';
import { listProcesses } from '../../packages/service/src/db/embedded/processes.ts';
import { FONT_FILES } from '../../packages/service/src/renditions/fonts.ts';
import type { Safelight } from './safelight.ts';
import { until } from './until.ts';

/** Processes whose command line or working folder names `folder`, except the one that asks. */
export function processesOn(folder: string): number[] {
  return listProcesses()
    .filter(({ pid, zombie }) => pid !== process.pid && !zombie)
    .filter(({ pid, argv }) => argv.join(' ').includes(folder) || workingFolder(pid).startsWith(folder))
    .map(({ pid }) => pid);
}

/** The worker processes of a node: each lives in a scratch folder of its own, named by its slot; `probe` is the prober. */
export function workersOf(node: Pick<Safelight, 'data'>, slot: 'workers' | 'probe' = 'workers'): number[] {
  return listProcesses()
    .filter(({ pid, zombie }) => !zombie && slotOf(node, pid) === slot)
    .map(({ pid }) => pid);
}

/** Waits until `count` workers stand, and answers their pids. */
export async function awaitWorkers(node: Pick<Safelight, 'data'>, count: number): Promise<number[]> {
  return until(`${count} workers`, () => {
    const pids = workersOf(node);
    return pids.length === count && pids;
  });
}

/** The first process of the node's own PostgreSQL. */
export function postmasterOf(node: Pick<Safelight, 'data'>): number | undefined {
  return listProcesses().find(
    ({ argv, zombie }) => !zombie && /\/postgres$/.test(argv[0] ?? '') && argv.join(' ').includes(node.data),
  )?.pid;
}

/** Files in the scratch and staging folders of a node: what work under way, and nothing else, may leave there. */
export function unfinishedFiles(node: Pick<Safelight, 'data'>, objects = join(node.data, 'objects')): string[] {
  const scratch = filesBelow(join(node.data, 'scratch')).filter((path) => !FONT_FILES.includes(basename(path)));
  return [...scratch, ...filesBelow(join(objects, 'staging'))];
}

/** Every file below a folder; none when it is not there. */
export function filesBelow(folder: string): string[] {
  try {
    return readdirSync(folder, { recursive: true, withFileTypes: true })
      .filter((entry) => !entry.isDirectory())
      .map((entry) => join(entry.parentPath, entry.name));
  } catch (error) {
    // Folders of jobs come and go while they are walked.
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return [];
    throw error;
  }
}

function slotOf(node: Pick<Safelight, 'data'>, pid: number): 'workers' | 'probe' | undefined {
  const place = relative(join(node.data, 'scratch'), workingFolder(pid));
  if (place === 'probe') return 'probe';
  return /^\d+$/.test(place) ? 'workers' : undefined;
}

function workingFolder(pid: number): string {
  try {
    return readlinkSync(`/proc/${pid}/cwd`);
  } catch {
    return '';
  }
}
