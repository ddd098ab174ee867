import { setImmediate as soon } from 'node:timers/promises';
import type { Blows } from './monkey.ts';
import { blowsOnNode, NODE_STRIKES, RECOVERY_MS_MAX } from './node-blows.ts';
import { isAlive, signal, titleOf } from './process-tree.ts';
import type { Random } from './random.ts';
import { until } from './struck-node.ts';
import type { Subject } from './subject.ts';

export const STRIKE_KINDS = {
  ...NODE_STRIKES,
  postmaster: 'the PostgreSQL server',
  backend: 'one process of PostgreSQL',
  commit: 'one process of PostgreSQL in the middle of a COMMIT, whose fate the node cannot know then',
} as const;
export type StrikeKind = keyof typeof STRIKE_KINDS;

const BUSY_MS_MAX = 1_500;
/** PostgreSQL replaces all of its processes, unless the one that was hit had ended of itself in that moment. */
const FORMER_MS_MAX = 4_000;

/** What can be done to a node with its own PostgreSQL. */
export function blowsOnSubject(subject: Subject, random: Random): Blows<StrikeKind> {
  return {
    ...blowsOnNode(subject, random),
    postmaster: async () => {
      const { postmaster, backends } = subject.group();
      if (postmaster === undefined) return undefined;
      signal(postmaster, 'SIGKILL');
      return { kills: 1, recovered: () => databaseBack(subject, [postmaster, ...backends]) };
    },
    backend: async () => {
      const { backends } = subject.group();
      const victim = random.pick(backends);
      if (victim === undefined) return undefined;
      signal(victim, 'SIGKILL');
      // PostgreSQL takes all of its processes down when one was killed: it may have left shared memory torn.
      return { kills: 1, recovered: () => databaseBack(subject, backends) };
    },
    commit: async () => {
      const { backends } = subject.group();
      const victim = await committing(backends);
      if (victim === undefined || !signal(victim, 'SIGKILL')) return undefined;
      return { kills: 1, recovered: () => databaseBack(subject, backends) };
    },
  };
}

async function databaseBack(subject: Subject, former: readonly number[]): Promise<void> {
  const { generation } = subject;
  const deadline = performance.now() + FORMER_MS_MAX;
  const isBack = async () => {
    if (subject.generation !== generation) return true;
    if (former.some(isAlive) && performance.now() < deadline) return false;
    return (await subject.readiness())?.checks.database?.ok === true;
  };
  await until(isBack, 'the database answers again', RECOVERY_MS_MAX);
}

/** The first backend that is seen to commit; looks as often as it can while others get their turn. */
async function committing(backends: readonly number[]): Promise<number | undefined> {
  const deadline = performance.now() + BUSY_MS_MAX;
  while (performance.now() < deadline) {
    const found = backends.find((pid) => titleOf(pid).endsWith(' COMMIT'));
    if (found !== undefined) return found;
    await soon();
  }
  return undefined;
}
