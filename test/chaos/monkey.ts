import { setTimeout as sleep, setImmediate as soon } from 'node:timers/promises';
import { isAlive, signal, titleOf, type WorkerFacts } from './process-tree.ts';
import type { Random } from './random.ts';
import { type Subject, until } from './subject.ts';

export const STRIKE_KINDS = {
  worker: 'a worker process, in the middle of a job if there is one',
  poison: 'the worker process of one job, and again the one that the job is given next',
  probe: 'the process that looks at uploads',
  postmaster: 'the PostgreSQL server',
  backend: 'one process of PostgreSQL',
  commit: 'one process of PostgreSQL in the middle of a COMMIT, whose fate the node cannot know then',
  node: "the node's own process; all that it started must end by itself",
  start: 'the node, and the next one while it starts',
  everything: 'all processes of the group in one moment',
  pauseWorker: 'SIGSTOP for a worker process in the middle of a job, SIGCONT a moment later',
  pauseNode: 'SIGSTOP for the node until its leases have run out, then SIGCONT',
} as const;
export type StrikeKind = keyof typeof STRIKE_KINDS;

/** What was done, and how long it took to be made good. */
export interface Strike {
  readonly kind: StrikeKind;
  /** SIGKILLs that were aimed on their own; all processes at once count as one. */
  readonly kills: number;
  /** Whether a worker was hit while it had a job. */
  readonly midJob: boolean;
  /** Absent when another strike came before it was made good. */
  recoveryMs?: number;
}

const BUSY_MS_MAX = 1_500;
/** A fresh process must be started for it first. */
const RERUN_MS_MAX = 8_000;
const AIM_MS_MAX = 150;
const RECOVERY_MS_MAX = 60_000;
const PAUSE_WORKER_MS = [300, 2_000] as const;
/** PostgreSQL replaces all of its processes, unless the one that was hit had ended of itself in that moment. */
const FORMER_MS_MAX = 4_000;
/** Longer than a lease. */
const PAUSE_NODE_MS = [16_000, 18_000] as const;
const START_MS = [100, 3_500] as const;
/** Below this, the monkey strikes again before the last strike has been made good. */
const HASTE = 0.3;

interface Blow {
  readonly kills: number;
  readonly midJob?: boolean;
  /** Settles when the part that was hit stands again. */
  readonly recovered: () => Promise<void>;
}

const PAUSED: Blow = { kills: 0, recovered: async () => undefined };

/** Strikes a Safelight at random moments, in an order that its seed decides. */
export class Monkey {
  readonly #subject: Subject;
  readonly #random: Random;
  readonly #onStrike: (strike: Strike, strikes: readonly Strike[]) => void;
  readonly strikes: Strike[] = [];
  readonly #recoveries = new Set<Promise<void>>();

  constructor(options: {
    readonly subject: Subject;
    readonly random: Random;
    readonly onStrike?: (strike: Strike, strikes: readonly Strike[]) => void;
  }) {
    this.#subject = options.subject;
    this.#random = options.random;
    this.#onStrike = options.onStrike ?? (() => undefined);
  }

  get kills(): number {
    return this.strikes.reduce((sum, { kills }) => sum + kills, 0);
  }

  /** Plays the kinds in `deck`, shuffled anew each time it is through, until `enough`; and waits until all stands again. */
  async rage(deck: readonly StrikeKind[], enough: () => boolean): Promise<void> {
    while (!enough()) {
      for (const kind of this.#random.shuffled(deck)) {
        if (enough()) break;
        await this.#strike(kind);
        await sleep(this.#random.between(50, 700));
      }
    }
    await Promise.all(this.#recoveries);
  }

  async #strike(kind: StrikeKind): Promise<void> {
    const blow = await this.#blows[kind]();
    if (!blow) return;
    const startedAt = performance.now();
    const strike: Strike = { kind, kills: blow.kills, midJob: blow.midJob ?? false };
    this.strikes.push(strike);
    this.#onStrike(strike, this.strikes);
    const recovery = blow.recovered().then(() => {
      if (this.strikes.at(-1) === strike) strike.recoveryMs = performance.now() - startedAt;
    });
    // Awaited below or at the end; until then it must not count as unheard.
    recovery.catch(() => undefined);
    this.#recoveries.add(recovery);
    if (kind === 'node' || kind === 'everything' || kind === 'start' || this.#random.next() > HASTE) await recovery;
  }

  /** Each answers undefined when there was nothing to strike. */
  readonly #blows: Record<StrikeKind, () => Promise<Blow | undefined>> = {
    worker: async () => {
      const worker = await this.#aim();
      return { kills: 1, midJob: this.#kill(worker), recovered: () => this.#replaced(worker) };
    },
    poison: async () => {
      const worker = await this.#aim();
      const midJob = this.#kill(worker);
      const again = await this.#holderOf(worker.jobs[0]);
      if (again) this.#kill(again);
      return { kills: again ? 2 : 1, midJob, recovered: () => this.#replaced(again ?? worker) };
    },
    probe: async () => {
      const { probe } = this.#subject.group();
      if (!probe) return undefined;
      signal(probe.pid, 'SIGKILL');
      return { kills: 1, recovered: () => this.#replaced(probe) };
    },
    postmaster: async () => {
      const { postmaster, backends } = this.#subject.group();
      if (postmaster === undefined) return undefined;
      signal(postmaster, 'SIGKILL');
      return { kills: 1, recovered: () => this.#databaseBack([postmaster, ...backends]) };
    },
    backend: async () => {
      const { backends } = this.#subject.group();
      const victim = this.#random.pick(backends);
      if (victim === undefined) return undefined;
      signal(victim, 'SIGKILL');
      // PostgreSQL takes all of its processes down when one was killed: it may have left shared memory torn.
      return { kills: 1, recovered: () => this.#databaseBack(backends) };
    },
    commit: async () => {
      const { backends } = this.#subject.group();
      const victim = await committing(backends);
      if (victim === undefined || !signal(victim, 'SIGKILL')) return undefined;
      return { kills: 1, recovered: () => this.#databaseBack(backends) };
    },
    node: async () => {
      signal(this.#subject.group().node, 'SIGKILL');
      return { kills: 1, recovered: () => this.#restarted() };
    },
    start: async () => {
      signal(this.#subject.group().node, 'SIGKILL');
      await this.#subject.restartInVain(this.#random.between(...START_MS));
      return { kills: 2, recovered: () => this.#restarted() };
    },
    everything: async () => {
      for (const pid of this.#subject.group().all) signal(pid, 'SIGKILL');
      return { kills: 1, recovered: () => this.#restarted() };
    },
    pauseWorker: async () => {
      const worker = await this.#aim();
      await this.#pause(worker.pid, PAUSE_WORKER_MS);
      return PAUSED;
    },
    pauseNode: async () => {
      await this.#pause(this.#subject.group().node, PAUSE_NODE_MS);
      return PAUSED;
    },
  };

  /** A worker process, with a job if one takes one soon enough, and some way into it. */
  async #aim(): Promise<WorkerFacts> {
    const deadline = performance.now() + BUSY_MS_MAX;
    let found: WorkerFacts | undefined;
    while (!found?.jobs.length && performance.now() < deadline) {
      const { workers } = this.#subject.group();
      found = this.#random.pick(workers.filter(({ jobs }) => jobs.length > 0)) ?? this.#random.pick(workers) ?? found;
      await sleep(10);
    }
    if (!found) throw new Error('no worker process stands');
    await sleep(this.#random.between(0, AIM_MS_MAX));
    return this.#subject.group().workers.find(({ pid }) => pid === found.pid) ?? found;
  }

  /** @returns whether it had a job. */
  #kill(worker: WorkerFacts): boolean {
    return signal(worker.pid, 'SIGKILL') && worker.jobs.length > 0;
  }

  /** The worker that gets the job of this folder next; undefined when none does soon: its end had been told already. */
  async #holderOf(folder: string | undefined): Promise<WorkerFacts | undefined> {
    const jobId = folder?.replace(/-\d+$/, '-');
    if (jobId === undefined) return undefined;
    const holder = () =>
      this.#subject.group().workers.find(({ jobs }) => jobs.some((job) => job.startsWith(jobId) && job !== folder));
    await until(() => holder() !== undefined, 'the job runs again', RERUN_MS_MAX).catch(() => undefined);
    return holder();
  }

  async #replaced({ slot, pid }: WorkerFacts): Promise<void> {
    const { generation } = this.#subject;
    const stands = () => {
      if (this.#subject.generation !== generation) return true;
      const { workers, probe } = this.#subject.group();
      return [...workers, ...(probe ? [probe] : [])].some((worker) => worker.slot === slot && worker.pid !== pid);
    };
    await until(stands, `a new process in slot ${slot}`, RECOVERY_MS_MAX);
  }

  async #databaseBack(former: readonly number[]): Promise<void> {
    const { generation } = this.#subject;
    const deadline = performance.now() + FORMER_MS_MAX;
    const isBack = async () => {
      if (this.#subject.generation !== generation) return true;
      if (former.some(isAlive) && performance.now() < deadline) return false;
      return (await this.#subject.readiness())?.checks.database?.ok === true;
    };
    await until(isBack, 'the database answers again', RECOVERY_MS_MAX);
  }

  async #restarted(): Promise<void> {
    await this.#subject.restart();
    const isReady = async () => (await this.#subject.readiness())?.status === 'ready';
    await until(isReady, 'the node is ready again', RECOVERY_MS_MAX);
  }

  async #pause(pid: number, [min, max]: readonly [number, number]): Promise<void> {
    if (!signal(pid, 'SIGSTOP')) return;
    await sleep(this.#random.between(min, max));
    signal(pid, 'SIGCONT');
  }
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
