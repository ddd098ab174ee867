import { readdirSync, readFileSync } from 'node:fs';

/** Kernel ticks per second as /proc counts them; 100 on every Linux that Node runs on. */
const TICKS_PER_SECOND = 100;

/** CPU milliseconds, user and system, that a process and everything below it has spent, ended children included. */
export function groupCpuMs(rootPid: number): number {
  const ticks = groupStats(rootPid).reduce((sum, stat) => sum + stat.ticks, 0);
  return (ticks * 1000) / TICKS_PER_SECOND;
}

/** The same of one process alone, and of children of it that have ended. */
export function ownCpuMs(pid: number): number {
  const ticks = readStat(pid).reduce((sum, stat) => sum + stat.ticks, 0);
  return (ticks * 1000) / TICKS_PER_SECOND;
}

/** A process and everything below it. */
export function groupPids(rootPid: number): number[] {
  return groupStats(rootPid).map(({ pid }) => pid);
}

function groupStats(rootPid: number): { pid: number; ticks: number }[] {
  const stats = readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name))
    .flatMap((name) => readStat(Number(name)));
  const members = new Set([rootPid]);
  for (let size = 0; size !== members.size; ) {
    size = members.size;
    for (const { pid, parent } of stats) if (members.has(parent)) members.add(pid);
  }
  return stats.filter(({ pid }) => members.has(pid));
}

function readStat(pid: number): { pid: number; parent: number; ticks: number }[] {
  try {
    const text = readFileSync(`/proc/${pid}/stat`, 'latin1');
    // The command's name may hold spaces and parentheses: fields are counted from the last one. See proc(5).
    const fields = text.slice(text.lastIndexOf(')') + 2).split(' ');
    const [parent, utime, stime, cutime, cstime] = [1, 11, 12, 13, 14].map((index) => Number(fields[index]));
    return [{ pid, parent: parent ?? 0, ticks: (utime ?? 0) + (stime ?? 0) + (cutime ?? 0) + (cstime ?? 0) }];
  } catch {
    // It ended between the listing and the look.
    return [];
  }
}
