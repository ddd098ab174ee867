import { spawnSync } from 'node:child_process';
import { readdirSync, readFileSync, readlinkSync } from 'node:fs';

/** What the kernel tells everybody about a process. */
export interface ProcessFacts {
  readonly pid: number;
  /** Ended but not yet collected by its parent: it holds a pid and nothing else. */
  readonly zombie: boolean;
  /** When it started, as an opaque word: pid and start together never name two processes of one boot. */
  readonly started: string;
  /** The command line; empty for zombies. A process may overwrite its own, as PostgreSQL's do with their titles. */
  readonly argv: readonly string[];
}

/** All processes that can be seen. Linux reads /proc (a few ms), other systems ask `ps`. */
export function listProcesses(platform: NodeJS.Platform = process.platform): ProcessFacts[] {
  if (platform !== 'linux') return askPs(['-ax']);
  const pids = readdirSync('/proc').filter((name) => /^\d+$/.test(name));
  return pids.map((pid) => readProc(Number(pid))).filter((facts) => facts !== undefined);
}

/** The facts of one process, or undefined when it does not exist or may not be looked at. */
export function readProcess(pid: number, platform: NodeJS.Platform = process.platform): ProcessFacts | undefined {
  return platform === 'linux' ? readProc(pid) : askPs(['-p', String(pid)])[0];
}

/** Whether a pid is taken, by a zombie too. A process of another user counts (EPERM). */
export function pidExists(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return (error as NodeJS.ErrnoException).code !== 'ESRCH';
  }
}

/** Where a process works, or undefined when it has ended, may not be looked at or the system does not tell. */
export function workingDirectory(pid: number): string | undefined {
  try {
    return readlinkSync(`/proc/${pid}/cwd`);
  } catch {
    return undefined;
  }
}

function readProc(pid: number): ProcessFacts | undefined {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, 'latin1');
    // proc(5): the name, field 2, may hold spaces and parentheses; state is field 3, start time field 22.
    const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
    const state = fields[0];
    const started = fields[19];
    if (started === undefined) return undefined;
    const commandLine = readFileSync(`/proc/${pid}/cmdline`, 'utf8').replace(/\0+$/, '');
    const argv = commandLine === '' ? [] : commandLine.split('\0');
    return { pid, zombie: state === 'Z' || state === 'X', started, argv };
  } catch {
    return undefined;
  }
}

/** `lstart` is five words, such as `Sun Nov 22 03:05:00 2026`. */
const PS_LINE = /^\s*(\d+)\s+(\S+)\s+(\S+\s+\S+\s+\S+\s+\S+\s+\S+)\s*(.*)$/;

/** `ps` cannot tell where an argument ends: the whole command line is one. */
function askPs(selection: string[]): ProcessFacts[] {
  const columns = ['-ww', '-o', 'pid=,stat=,lstart=,command='];
  // It ends with 1 and says nothing when there is no such process.
  const { stdout } = spawnSync('/bin/ps', [...selection, ...columns], { encoding: 'utf8', maxBuffer: 2 ** 26 });
  return stdout.split('\n').flatMap((line) => {
    const [, pid, state, started, command] = PS_LINE.exec(line) ?? [];
    if (pid === undefined || state === undefined || started === undefined) return [];
    const argv = command ? [command.trimEnd()] : [];
    return [{ pid: Number(pid), zombie: state.startsWith('Z'), started: started.replaceAll(/\W+/g, '_'), argv }];
  });
}
