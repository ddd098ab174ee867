import { readFileSync } from 'node:fs';
import { groupPids } from './group-cpu.ts';

export interface GroupMemory {
  /** Sum of resident sizes, as `ps` shows them: what processes share is counted for each of them. */
  readonly rssBytes: number;
  /** Sum of proportional sizes (Pss): what processes share is counted once. Its resident size where it may not be read. */
  readonly pssBytes: number;
  /** What the processes took for themselves: no file's pages, which the kernel takes back, and no shared memory. */
  readonly anonymousBytes: number;
}

const SAMPLE_MS = 250;

/** Memory that a process and everything below it holds now. */
export function groupMemory(rootPid: number): GroupMemory {
  let [rssBytes, pssBytes, anonymousBytes] = [0, 0, 0];
  for (const pid of groupPids(rootPid)) {
    const rollup = readProc(pid, 'smaps_rollup');
    const rss = kibibytes(rollup, 'Rss') ?? kibibytes(readProc(pid, 'status'), 'VmRSS') ?? 0;
    rssBytes += rss * 1024;
    pssBytes += (kibibytes(rollup, 'Pss') ?? rss) * 1024;
    anonymousBytes += (kibibytes(rollup, 'Pss_Anon') ?? rss) * 1024;
  }
  return { rssBytes, pssBytes, anonymousBytes };
}

/** Samples a group until `stop`, which answers the most that was seen. */
export function watchMemory(rootPid: number): { stop(): GroupMemory } {
  let most: GroupMemory = { rssBytes: 0, pssBytes: 0, anonymousBytes: 0 };
  const sample = () => {
    const now = groupMemory(rootPid);
    most = larger(most, now);
  };
  const timer = setInterval(sample, SAMPLE_MS);
  return {
    stop: () => {
      clearInterval(timer);
      sample();
      return most;
    },
  };
}

/** Of each kind the larger. */
function larger(one: GroupMemory, other: GroupMemory): GroupMemory {
  return {
    rssBytes: Math.max(one.rssBytes, other.rssBytes),
    pssBytes: Math.max(one.pssBytes, other.pssBytes),
    anonymousBytes: Math.max(one.anonymousBytes, other.anonymousBytes),
  };
}

function kibibytes(text: string, name: string): number | undefined {
  const found = new RegExp(`^${name}:\\s+(\\d+) kB$`, 'm').exec(text)?.[1];
  return found === undefined ? undefined : Number(found);
}

function readProc(pid: number, name: string): string {
  try {
    return readFileSync(`/proc/${pid}/${name}`, 'latin1');
  } catch {
    // It ended between the listing and the look, or belongs to somebody else.
    return '';
  }
}
