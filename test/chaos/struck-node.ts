import { setTimeout as sleep } from 'node:timers/promises';
import { Safelight } from '../support/safelight.ts';
import { findNode, type Group, readGroup, signal } from './process-tree.ts';

const POLL_MS = 20;
const REQUEST_MS_MAX = 5_000;

/** The answer of `/readyz`. */
export interface Readiness {
  readonly status: string;
  readonly checks: Readonly<Record<string, { readonly ok: boolean; readonly detail?: string }>>;
}

/** A data folder, and one node after the other on it. */
export class StruckNode {
  readonly data: string;
  readonly #env: Readonly<Record<string, string>>;
  #node: Safelight | undefined;
  #buried: Safelight | undefined;
  /** Nodes started so far; tells whether the node that one looked at is still the same. */
  generation = 0;
  /** What all nodes have printed. */
  readonly output: string[] = [];
  /** What those printed last that ended though nobody told or killed them. */
  readonly ownDeaths: string[] = [];
  #isStopped = false;

  constructor(data: string, env: Readonly<Record<string, string>> = {}) {
    this.data = data;
    this.#env = env;
  }

  /** Where the current node answers, or the last one did. */
  get url(): string {
    return this.#node?.url ?? '';
  }

  /** Of the current node's own process, or the last one's. */
  get pid(): number | undefined {
    return this.#node?.process.pid;
  }

  /** What the current node has printed. */
  get said(): string {
    return this.#node?.output ?? '';
  }

  /** Starts a node; the one before must have been killed or stopped. */
  async restart(): Promise<void> {
    if (this.#node && this.#node !== this.#buried) await this.#bury(this.#node);
    this.generation += 1;
    this.#isStopped = false;
    this.#node = await Safelight.start({ data: this.data, env: this.#env });
  }

  async #bury(node: Safelight): Promise<void> {
    const { exitCode } = node.process;
    if (exitCode !== null && !this.#isStopped)
      this.ownDeaths.push(`exit code ${exitCode}: ${node.output.slice(-1_000)}`);
    await node.kill();
    this.output.push(node.output);
    this.#buried = node;
  }

  /** Starts a node and kills it after `delayMs`, wherever it is by then; it may even be ready. */
  async restartInVain(delayMs: number): Promise<void> {
    const starting = this.restart().catch(() => undefined);
    await sleep(delayMs);
    const pid = findNode(this.data);
    if (pid !== undefined) signal(pid, 'SIGKILL');
    await starting;
  }

  group(): Group {
    const { pid } = this;
    if (pid === undefined) throw new Error('there is no node');
    return readGroup(pid, this.data);
  }

  async readiness(): Promise<Readiness | undefined> {
    try {
      const response = await fetch(`${this.url}/readyz`, { signal: AbortSignal.timeout(REQUEST_MS_MAX) });
      return (await response.json()) as Readiness;
    } catch {
      return undefined;
    }
  }

  /** SIGTERM. @returns the exit code, null when it was killed. */
  async stop(): Promise<number | null> {
    this.#isStopped = true;
    const { code } = (await this.#node?.stop()) ?? { code: null };
    return code;
  }
}

/** Polls until `condition` holds. @throws after `msMax`, naming what was waited for. */
export async function until(condition: () => boolean | Promise<boolean>, what: string, msMax: number): Promise<void> {
  const deadline = performance.now() + msMax;
  while (!(await condition())) {
    if (performance.now() > deadline) throw new Error(`not within ${msMax} ms: ${what}`);
    await sleep(POLL_MS);
  }
}
