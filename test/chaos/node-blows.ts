import { setTimeout as sleep } from 'node:timers/promises';
import { type Blow, type Blows, PAUSED } from './monkey.ts';
import { signal, type WorkerFacts } from './process-tree.ts';
import type { Random } from './random.ts';
import { type StruckNode, until } from './struck-node.ts';

export const NODE_STRIKES = {
  worker: 'a worker process, in the middle of a job if there is one',
  poison: 'the worker process of one job, and again the one that the job is given next',
  probe: 'the process that looks at uploads',
  node: "the node's own process; all that it started must end by itself",
  start: 'the node, and the next one while it starts',
  everything: 'all processes of the group in one moment',
  pauseWorker: 'SIGSTOP for a worker process in the middle of a job, SIGCONT a moment later',
  pauseNode: 'SIGSTOP for the node until its leases have run out, then SIGCONT',
} as const;
export type NodeStrike = keyof typeof NODE_STRIKES;

const BUSY_MS_MAX = 1_500;
/** A fresh process must be started for it first. */
const RERUN_MS_MAX = 8_000;
const AIM_MS_MAX = 150;
export const RECOVERY_MS_MAX = 60_000;
const PAUSE_WORKER_MS = [300, 2_000] as const;
/** Longer than a lease. */
const PAUSE_NODE_MS = [16_000, 18_000] as const;
const START_MS = [100, 3_500] as const;

/** What can be done to one node and the processes that it starts. */
export function blowsOnNode(node: StruckNode, random: Random): Blows<NodeStrike> {
  const hand = new Hand(node, random);
  return {
    worker: async () => {
      const worker = await hand.aim();
      return worker && { kills: 1, midJob: kill(worker), recovered: () => hand.replaced(worker) };
    },
    poison: async () => {
      const worker = await hand.aim();
      if (!worker) return undefined;
      const midJob = kill(worker);
      const again = await hand.holderOf(worker.jobs[0]);
      if (again) kill(again);
      return { kills: again ? 2 : 1, midJob, recovered: () => hand.replaced(again ?? worker) };
    },
    probe: async () => {
      const { probe } = node.group();
      if (!probe) return undefined;
      signal(probe.pid, 'SIGKILL');
      return { kills: 1, recovered: () => hand.replaced(probe) };
    },
    node: async () => {
      signal(node.group().node, 'SIGKILL');
      return hand.restarted(1);
    },
    start: async () => {
      signal(node.group().node, 'SIGKILL');
      await node.restartInVain(random.between(...START_MS));
      return hand.restarted(2);
    },
    everything: async () => {
      for (const pid of node.group().all) signal(pid, 'SIGKILL');
      return hand.restarted(1);
    },
    pauseWorker: async () => {
      const worker = await hand.aim();
      if (!worker) return undefined;
      await hand.pause(worker.pid, PAUSE_WORKER_MS);
      return PAUSED;
    },
    pauseNode: async () => {
      await hand.pause(node.group().node, PAUSE_NODE_MS);
      return PAUSED;
    },
  };
}

class Hand {
  readonly #node: StruckNode;
  readonly #random: Random;

  constructor(node: StruckNode, random: Random) {
    this.#node = node;
    this.#random = random;
  }

  /** A worker process, with a job if one takes one soon enough, and some way into it; undefined when none stands. */
  async aim(): Promise<WorkerFacts | undefined> {
    const deadline = performance.now() + BUSY_MS_MAX;
    let found: WorkerFacts | undefined;
    while (!found?.jobs.length && performance.now() < deadline) {
      const { workers } = this.#node.group();
      found = this.#random.pick(workers.filter(({ jobs }) => jobs.length > 0)) ?? this.#random.pick(workers) ?? found;
      await sleep(10);
    }
    if (!found) return undefined;
    await sleep(this.#random.between(0, AIM_MS_MAX));
    return this.#node.group().workers.find(({ pid }) => pid === found.pid) ?? found;
  }

  /** The worker that gets the job of this folder next; undefined when none does soon: its end had been told already. */
  async holderOf(folder: string | undefined): Promise<WorkerFacts | undefined> {
    const jobId = folder?.replace(/-\d+$/, '-');
    if (jobId === undefined) return undefined;
    const holder = () =>
      this.#node.group().workers.find(({ jobs }) => jobs.some((job) => job.startsWith(jobId) && job !== folder));
    await until(() => holder() !== undefined, 'the job runs again', RERUN_MS_MAX).catch(() => undefined);
    return holder();
  }

  async replaced({ slot, pid }: WorkerFacts): Promise<void> {
    const { generation } = this.#node;
    const stands = () => {
      if (this.#node.generation !== generation) return true;
      const { workers, probe } = this.#node.group();
      return [...workers, ...(probe ? [probe] : [])].some((worker) => worker.slot === slot && worker.pid !== pid);
    };
    await until(stands, `a new process in slot ${slot}`, RECOVERY_MS_MAX);
  }

  /** The blow after which the node is started anew. */
  restarted(kills: number): Blow {
    const recovered = async () => {
      await this.#node.restart();
      const isReady = async () => (await this.#node.readiness())?.status === 'ready';
      await until(isReady, 'the node is ready again', RECOVERY_MS_MAX);
    };
    return { kills, isTotal: true, recovered };
  }

  async pause(pid: number, [min, max]: readonly [number, number]): Promise<void> {
    if (!signal(pid, 'SIGSTOP')) return;
    await sleep(this.#random.between(min, max));
    signal(pid, 'SIGCONT');
  }
}

/** @returns whether it had a job. */
function kill(worker: WorkerFacts): boolean {
  return signal(worker.pid, 'SIGKILL') && worker.jobs.length > 0;
}
