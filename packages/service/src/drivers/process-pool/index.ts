import { type ChildProcess, spawn } from 'node:child_process';
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { backoffMs } from '../../core/backoff.ts';
import type { Clock } from '../../core/clock.ts';
import { invariant } from '../../core/invariant.ts';
import { type MachineKind, type MachinePool, PoolChangedError, type PoolState } from '../../ports/machine-pool.ts';

export interface ProcessPoolOptions {
  /** Each machine has a folder of its own in it, which keeps its node id from run to run. */
  readonly directory: string;
  /** What Node runs, with its arguments: a whole node with the role worker alone. */
  readonly command: readonly string[];
  /** Environment of the machine with this data folder. */
  readonly environment: (dataDirectory: string) => NodeJS.ProcessEnv;
  readonly clock: Pick<Clock, 'random' | 'monotonic'>;
  readonly onError: (error: Error) => void;
}

/** One worker process, the supervisor's connections and the one that listens; started in one to two seconds. */
const KIND: MachineKind = { workers: 1, connections: 4, startSeconds: 2 };
const RESTART_BACKOFF = { baseMs: 250, capMs: 30_000 } as const;
/** One that lived so long did not die of how it is started. */
const SOUND_MS = 60_000;
/** When this node ends, what takes longer is given back to the queue. */
const CLOSE_MS_MAX = 4_000;
/** The file in a node's data folder that keeps its id. */
const NODE_ID_FILE = 'node-id';

interface Machine {
  readonly child: ChildProcess;
  readonly exited: Promise<void>;
  readonly startedAt: number;
  isDraining: boolean;
}

/** Child processes of this one: they drain at SIGTERM, are replaced when they die, and end when this process does. */
export function openProcessPool(options: ProcessPoolOptions): MachinePool {
  return new ProcessPool(options);
}

class ProcessPool implements MachinePool {
  readonly kind = KIND;
  readonly isOfThisNode = true;
  readonly #options: ProcessPoolOptions;
  /** By the number of their folder. */
  readonly #machines = new Map<number, Machine>();
  readonly #nodeIds = new Map<number, string>();
  #ordered = 0;
  #orders = 0;
  #deaths = 0;
  #restart: NodeJS.Timeout | undefined;
  #tellLost: (nodeId: string) => void = () => undefined;
  #isClosed = false;

  constructor(options: ProcessPoolOptions) {
    this.#options = options;
    // The registry still holds the machines of a run that was killed.
    if (!existsSync(options.directory)) return;
    for (const name of readdirSync(options.directory)) if (/^\d+$/.test(name)) this.#nodeIdOf(Number(name));
  }

  owns({ nodeId }: { readonly nodeId: string }): boolean {
    for (const place of this.#machines.keys()) if (this.#nodeIdOf(place) === nodeId) return true;
    return [...this.#nodeIds.values()].includes(nodeId);
  }

  look(): Promise<PoolState> {
    return Promise.resolve({ ordered: this.#ordered, present: this.#machines.size, version: String(this.#orders) });
  }

  async resize(machines: number, version: string): Promise<void> {
    invariant(Number.isSafeInteger(machines) && machines >= 0, 'a pool has a whole number of machines');
    invariant(!this.#isClosed, 'a closed pool takes no orders');
    if (version !== String(this.#orders)) throw new PoolChangedError('another order came between');
    this.#orders += 1;
    this.#ordered = machines;
    this.#deaths = 0;
    this.#fit();
  }

  onLost(tell: (nodeId: string) => void): void {
    this.#tellLost = tell;
  }

  async close(): Promise<void> {
    this.#isClosed = true;
    this.#ordered = 0;
    clearTimeout(this.#restart);
    this.#fit();
    if (await this.#areGoneWithin(CLOSE_MS_MAX)) return;
    // Its leases are taken back by whoever is told of its end.
    for (const { child } of this.#machines.values()) child.kill('SIGKILL');
    await Promise.all([...this.#machines.values()].map(({ exited }) => exited));
  }

  /** Starts what lacks, and has the newest of what is too much drain. */
  #fit(): void {
    const working = [...this.#machines.entries()].filter(([, { isDraining }]) => !isDraining).map(([place]) => place);
    for (let count = working.length; count < this.#ordered; count += 1) this.#start(this.#freePlace());
    for (const place of working.sort((a, b) => b - a).slice(0, Math.max(0, working.length - this.#ordered))) {
      const machine = this.#machines.get(place);
      if (!machine) continue;
      machine.isDraining = true;
      machine.child.kill('SIGTERM');
    }
  }

  #freePlace(): number {
    let place = 0;
    while (this.#machines.has(place)) place += 1;
    return place;
  }

  #start(place: number): void {
    const [command = '', ...args] = this.#options.command;
    const child = spawn(command, args, {
      env: this.#options.environment(this.#folderOf(place)),
      // By the channel the child learns that this process has gone, however it went.
      stdio: ['ignore', 'ignore', 'inherit', 'ipc'],
    });
    const { promise: exited, resolve } = Promise.withResolvers<void>();
    this.#machines.set(place, { child, exited, startedAt: this.#options.clock.monotonic(), isDraining: false });
    child.once('error', (error) => {
      this.#options.onError(error);
      // One that could not be started has no exit.
      if (child.pid === undefined) this.#end(place, child);
      if (child.pid === undefined) resolve();
    });
    child.once('exit', () => {
      this.#end(place, child);
      resolve();
    });
  }

  #end(place: number, child: ChildProcess): void {
    const machine = this.#machines.get(place);
    if (machine?.child !== child) return;
    const nodeId = this.#nodeIdOf(place);
    this.#machines.delete(place);
    // By the signal itself ends one that had not come so far as to hear it, or to hold anything.
    if (machine.isDraining && (child.exitCode === 0 || child.signalCode === 'SIGTERM')) return;
    if (nodeId !== undefined) this.#tellLost(nodeId);
    if (this.#isClosed || machine.isDraining) return;
    this.#options.onError(new Error(`a machine of the pool ended unasked: ${child.exitCode ?? child.signalCode}`));
    const { clock } = this.#options;
    this.#deaths = clock.monotonic() - machine.startedAt > SOUND_MS ? 1 : this.#deaths + 1;
    clearTimeout(this.#restart);
    const waitMs = this.#deaths === 1 ? 0 : backoffMs(this.#deaths, RESTART_BACKOFF, clock.random());
    this.#restart = setTimeout(() => this.#fit(), waitMs);
  }

  async #areGoneWithin(ms: number): Promise<boolean> {
    const waiting = new AbortController();
    const gone = Promise.all([...this.#machines.values()].map(({ exited }) => exited)).then(() => true);
    const late = pause(ms, false, { signal: waiting.signal }).catch(() => false);
    const isGone = await Promise.race([gone, late]);
    waiting.abort();
    return isGone;
  }

  #folderOf(place: number): string {
    return join(this.#options.directory, String(place));
  }

  /** Written by the machine at its first start, and the same ever after. */
  #nodeIdOf(place: number): string | undefined {
    const known = this.#nodeIds.get(place);
    if (known !== undefined) return known;
    try {
      const nodeId = readFileSync(join(this.#folderOf(place), NODE_ID_FILE), 'utf8').trim();
      if (nodeId !== '') this.#nodeIds.set(place, nodeId);
      return nodeId === '' ? undefined : nodeId;
    } catch {
      // It has not come so far.
      return undefined;
    }
  }
}
