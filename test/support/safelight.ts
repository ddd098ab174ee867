import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

const MAIN = fileURLToPath(new URL('../../packages/service/src/main.ts', import.meta.url));
const START_MS_MAX = 45_000;

export interface SafelightOptions {
  /** SAFELIGHT_ settings on top of the defaults below. */
  readonly env?: Readonly<Record<string, string>>;
  /** A data folder to keep; absent: a temporary one that `close` removes. */
  readonly data?: string;
  /** Put before the command, such as `['faketime', '-f', '+1d']`. */
  readonly wrapper?: readonly string[];
}

/** A real Safelight: its own process, embedded database, workers and data folder, on a free loopback port. */
export class Safelight {
  readonly data: string;
  readonly url: string;
  readonly process: ChildProcess;
  readonly #isTemporary: boolean;
  readonly #output: string[];

  private constructor(parts: {
    data: string;
    url: string;
    process: ChildProcess;
    isTemporary: boolean;
    output: string[];
  }) {
    this.data = parts.data;
    this.url = parts.url;
    this.process = parts.process;
    this.#isTemporary = parts.isTemporary;
    this.#output = parts.output;
  }

  /** Starts one and waits until it says that it is ready. */
  static async start(options: SafelightOptions = {}): Promise<Safelight> {
    const isTemporary = options.data === undefined;
    const data = options.data ?? (await mkdtemp(join(tmpdir(), 'safelight-e2e-')));
    const [command = '', ...args] = [...(options.wrapper ?? []), process.execPath, MAIN, 'serve'];
    const env = {
      PATH: process.env.PATH,
      HOME: process.env.HOME,
      SAFELIGHT_DATA: data,
      SAFELIGHT_PORT: '0',
      SAFELIGHT_LOG_LEVEL: 'warn',
      ...options.env,
    };
    const child = spawn(command, args, { env, stdio: ['ignore', 'pipe', 'pipe'] });
    const output: string[] = [];
    const url = await readiness(child, output);
    return new Safelight({ data, url, process: child, isTemporary, output });
  }

  /** Everything that the process has printed. */
  get output(): string {
    return this.#output.join('');
  }

  async demoKey(): Promise<string> {
    return (await readFile(join(this.data, 'demo-key'), 'utf8')).trim();
  }

  /** A request with the demo tenant's key. */
  async fetch(path: string, init: RequestInit = {}): Promise<Response> {
    const headers = new Headers(init.headers);
    if (!headers.has('authorization')) headers.set('authorization', `Bearer ${await this.demoKey()}`);
    return fetch(path.startsWith('http') ? path : `${this.url}${path}`, { ...init, headers });
  }

  /** The exercise's upload. */
  async upload(bytes: Uint8Array, filename = 'picture.jpg'): Promise<Response> {
    const form = new FormData();
    form.set('image', new Blob([Uint8Array.from(bytes)]), filename);
    return fetch(`${this.url}/`, { method: 'POST', body: form });
  }

  /** SIGTERM. @returns exit code and signal. */
  async stop(): Promise<{ code: number | null; signal: NodeJS.Signals | null }> {
    return this.end('SIGTERM');
  }

  /** SIGKILL to the node's own process; what it started must end by itself. */
  async kill(): Promise<void> {
    await this.end('SIGKILL');
  }

  /** Stops, and removes the data folder if it is a temporary one. */
  async close(): Promise<void> {
    await this.stop();
    if (this.#isTemporary) await rm(this.data, { recursive: true, force: true });
  }

  private async end(signal: NodeJS.Signals) {
    const { process: child } = this;
    if (child.exitCode === null && child.signalCode === null) {
      child.kill(signal);
      await once(child, 'exit');
    }
    return { code: child.exitCode, signal: child.signalCode };
  }
}

async function readiness(child: ChildProcess, output: string[]): Promise<string> {
  const { promise, resolve, reject } = Promise.withResolvers<string>();
  const fail = (why: string) => reject(new Error(`Safelight did not start: ${why}\n${output.join('')}`));
  const take = (chunk: Buffer) => {
    output.push(chunk.toString());
    const url = /page +(http:\S+)\//.exec(output.join(''))?.[1];
    if (url) resolve(url);
  };
  child.stdout?.on('data', take);
  child.stderr?.on('data', take);
  child.once('exit', (code, signal) => fail(`exit ${code ?? signal}`));
  child.once('error', (error) => fail(error.message));
  const timer = setTimeout(() => fail(`not ready within ${START_MS_MAX} ms`), START_MS_MAX);
  try {
    return await promise;
  } catch (error) {
    child.kill('SIGKILL');
    throw error;
  } finally {
    clearTimeout(timer);
  }
}
