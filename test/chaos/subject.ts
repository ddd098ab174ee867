import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { Database } from '../../packages/service/src/db/database.ts';
import { Safelight } from '../support/safelight.ts';
import { findNode, type Group, readGroup, signal } from './process-tree.ts';

const POLL_MS = 20;
const REQUEST_MS_MAX = 5_000;

/** The answer of `/readyz`. */
export interface Readiness {
  readonly status: string;
  readonly checks: Readonly<Record<string, { readonly ok: boolean; readonly detail?: string }>>;
}

export interface SubjectOptions {
  /** A data folder to use and to keep; absent: a temporary one. */
  readonly data?: string;
  readonly env?: Readonly<Record<string, string>>;
}

/** The Safelight that is maltreated: one data folder, and one node after the other on it. */
export class Subject {
  readonly data: string;
  readonly #env: Readonly<Record<string, string>>;
  readonly #isTemporary: boolean;
  #node: Safelight | undefined;
  #key = '';
  /** Nodes started so far; tells whether the node that one looked at is still the same. */
  generation = 0;
  /** What all nodes have printed. */
  readonly output: string[] = [];
  /** What those printed last that ended though nobody told or killed them. */
  readonly ownDeaths: string[] = [];
  #isStopped = false;

  private constructor(data: string, options: SubjectOptions) {
    this.data = data;
    this.#isTemporary = options.data === undefined;
    this.#env = options.env ?? {};
  }

  static async start(options: SubjectOptions = {}): Promise<Subject> {
    const data = options.data ?? (await mkdtemp(join(tmpdir(), 'safelight-chaos-')));
    const subject = new Subject(data, options);
    await subject.restart();
    return subject;
  }

  /** Where the current node answers, or the last one did. */
  get url(): string {
    return this.#node?.url ?? '';
  }

  /** Starts a node; the one before must have been killed or stopped. */
  async restart(): Promise<void> {
    if (this.#node) await this.#bury(this.#node);
    this.generation += 1;
    this.#isStopped = false;
    this.#node = await Safelight.start({ data: this.data, env: this.#env });
    this.#key ||= await this.#node.demoKey();
  }

  async #bury(node: Safelight): Promise<void> {
    const { exitCode } = node.process;
    if (exitCode !== null && !this.#isStopped)
      this.ownDeaths.push(`exit code ${exitCode}: ${node.output.slice(-1_000)}`);
    await node.kill();
    this.output.push(node.output);
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
    const pid = this.#node?.process.pid;
    if (pid === undefined) throw new Error('there is no node');
    return readGroup(pid, this.data);
  }

  /** A request with the demo tenant's key to whatever node answers now. @param path may be a whole URL of an earlier node. */
  request(path: string, init: RequestInit = {}): Promise<Response> {
    const { pathname, search } = new URL(path, 'http://any');
    const headers = new Headers(init.headers);
    headers.set('authorization', `Bearer ${this.#key}`);
    return fetch(`${this.url}${pathname}${search}`, { ...init, headers });
  }

  async readiness(): Promise<Readiness | undefined> {
    try {
      const response = await fetch(`${this.url}/readyz`, { signal: AbortSignal.timeout(REQUEST_MS_MAX) });
      return (await response.json()) as Readiness;
    } catch {
      return undefined;
    }
  }

  /** Runs `work` on a connection as the service's own login, which sees every tenant. */
  async withDatabase<T>(work: (database: Database) => Promise<T>): Promise<T> {
    const url = (await readFile(join(this.data, 'database-url'), 'utf8')).trim();
    const onError = () => undefined;
    const connection = { connectionString: url };
    const database = new Database({ connection, connectionsMax: 2, namedStatements: false, onError });
    try {
      return await work(database);
    } finally {
      await database.close();
    }
  }

  /** SIGTERM. @returns the exit code, null when it was killed. */
  async stop(): Promise<number | null> {
    this.#isStopped = true;
    const { code } = (await this.#node?.stop()) ?? { code: null };
    return code;
  }

  /** Ends everything and removes a temporary data folder, unless somebody wants to look at it. */
  async close(keep = false): Promise<void> {
    await this.stop();
    if (this.#isTemporary && !keep) await rm(this.data, { recursive: true, force: true, maxRetries: 5 });
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
