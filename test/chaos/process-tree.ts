import { readdirSync, readFileSync, readlinkSync } from 'node:fs';
import { basename, dirname, join } from 'node:path';

/** A process by what cannot be mistaken: its number alone may be given to another one later. */
interface Proc {
  readonly pid: number;
  readonly ppid: number;
  readonly zombie: boolean;
}

/** A worker process, or the probe. */
export interface WorkerFacts {
  readonly pid: number;
  /** Name of its scratch folder: `0`, `1`, … or `probe`. */
  readonly slot: string;
  /** Folders of jobs in its scratch folder; a render's is `{job}-{token}`. */
  readonly jobs: readonly string[];
}

/** Everything that runs for one data folder, by ancestry from the node's process; nothing is found by its name. */
export interface Group {
  readonly node: number;
  readonly workers: readonly WorkerFacts[];
  readonly probe: WorkerFacts | undefined;
  readonly postmaster: number | undefined;
  /** The postmaster's children. */
  readonly backends: readonly number[];
  /** The node first, so that it can start nothing anew when they are killed in this order. */
  readonly all: readonly number[];
}

/** Looks at the group of the node `pid` on the data folder `data`. A node that is gone has nobody. */
export function readGroup(pid: number, data: string): Group {
  const procs = listProcs().filter(({ zombie }) => !zombie);
  const childrenOf = (parent: number) => procs.filter(({ ppid }) => ppid === parent).map((proc) => proc.pid);
  const own = childrenOf(pid);
  const scratch = join(data, 'scratch');
  const workers: WorkerFacts[] = [];
  let postmaster: number | undefined;
  for (const child of own) {
    const cwd = linkOf(child, 'cwd');
    if (cwd && dirname(cwd) === scratch) workers.push({ pid: child, slot: basename(cwd), jobs: jobsIn(cwd) });
    else if (argvOf(child).includes(join(data, 'postgres', 'data'))) postmaster = child;
  }
  const all = [pid];
  for (const member of all) all.push(...childrenOf(member));
  return {
    node: pid,
    workers: workers.filter(({ slot }) => slot !== 'probe'),
    probe: workers.find(({ slot }) => slot === 'probe'),
    postmaster,
    backends: postmaster === undefined ? [] : childrenOf(postmaster),
    all,
  };
}

/** The node that was started with SAFELIGHT_DATA=`data`, ready or not. */
export function findNode(data: string): number | undefined {
  return listProcs().find(
    ({ pid, zombie }) =>
      !zombie &&
      argvOf(pid).includes('serve') &&
      readProcFile(pid, 'environ').split('\0').includes(`SAFELIGHT_DATA=${data}`),
  )?.pid;
}

/** Processes, but this one, that have to do with the folder: by command line, environment, working folder or open file. */
export function processesOn(folder: string): number[] {
  const touches = (text: string | undefined) => text?.includes(folder) === true;
  return listProcs()
    .filter(({ pid, zombie }) => !zombie && pid !== process.pid)
    .map(({ pid }) => pid)
    .filter(
      (pid) =>
        touches(readProcFile(pid, 'cmdline')) ||
        touches(readProcFile(pid, 'environ')) ||
        touches(linkOf(pid, 'cwd')) ||
        openFilesOf(pid).some(touches),
    );
}

/** What PostgreSQL's process says in its title that it does: `… [local] COMMIT`. */
export function titleOf(pid: number): string {
  return readProcFile(pid, 'cmdline').replaceAll('\0', ' ').trim();
}

export function isAlive(pid: number): boolean {
  const proc = readProc(pid);
  return proc !== undefined && !proc.zombie;
}

/** @returns whether it was still there. */
export function signal(pid: number, name: NodeJS.Signals): boolean {
  try {
    process.kill(pid, name);
    return true;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ESRCH') throw error;
    return false;
  }
}

function listProcs(): Proc[] {
  const pids = readdirSync('/proc').filter((name) => /^\d+$/.test(name));
  return pids.map((name) => readProc(Number(name))).filter((proc) => proc !== undefined);
}

function readProc(pid: number): Proc | undefined {
  const stat = readProcFile(pid, 'stat');
  // proc(5): the name, field 2, may hold spaces and parentheses; state is field 3, the parent field 4.
  const [state, ppid] = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
  if (!state || ppid === undefined) return undefined;
  return { pid, ppid: Number(ppid), zombie: state === 'Z' || state === 'X' };
}

function argvOf(pid: number): string[] {
  return readProcFile(pid, 'cmdline').split('\0');
}

function readProcFile(pid: number, name: string): string {
  try {
    return readFileSync(`/proc/${pid}/${name}`, 'utf8');
  } catch {
    return '';
  }
}

function linkOf(pid: number, name: string): string | undefined {
  try {
    return readlinkSync(`/proc/${pid}/${name}`);
  } catch {
    return undefined;
  }
}

function openFilesOf(pid: number): (string | undefined)[] {
  try {
    return readdirSync(`/proc/${pid}/fd`).map((name) => linkOf(pid, `fd/${name}`));
  } catch {
    return [];
  }
}

/** What lies there besides (fonts, folders that wait to be used again) is no job's. */
const JOB_FOLDER = /^job_.*-\d+$/;

function jobsIn(scratch: string): string[] {
  try {
    return readdirSync(scratch).filter((name) => JOB_FOLDER.test(name));
  } catch {
    return [];
  }
}
