import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { createServer } from 'node:net';
import { groupPids } from './group-cpu.ts';

const START_MS_MAX = 60_000;
const END_MS_MAX = 10_000;

/** A server of somebody else, as a child that is ended with everything below it. */
export interface ServerProcess {
  readonly pid: number;
  /** What the pattern that tells readiness had in its group. */
  readonly told: string;
  end(): Promise<void>;
}

export interface ServerOptions {
  readonly command: string;
  readonly args: readonly string[];
  readonly cwd?: string;
  readonly env?: Readonly<Record<string, string>>;
  /** Stands in the output of a server that is ready; its first group is kept. */
  readonly ready: RegExp;
}

/** @throws with the output of a server that ends, or is not ready within a minute. */
export async function startServer({ command, args, cwd, env, ready }: ServerOptions): Promise<ServerProcess> {
  const child = spawn(command, args, {
    ...(cwd !== undefined && { cwd }),
    env: { PATH: process.env.PATH, HOME: process.env.HOME, NODE_ENV: 'production', ...env },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  const { promise, resolve, reject } = Promise.withResolvers<string>();
  let said = '';
  const take = (chunk: Buffer) => {
    // Bounded: a server that talks while it is measured is not listened to for ever.
    if (said.length < 100_000) said += chunk.toString();
    const match = ready.exec(said);
    if (match) resolve(match[1] ?? '');
  };
  child.stdout?.on('data', take);
  child.stderr?.on('data', take);
  child.once('error', reject);
  child.once('exit', (code, signal) => reject(new Error(`${command} ended (${code ?? signal}): ${said}`)));
  const timer = setTimeout(() => reject(new Error(`${command} was not ready in time: ${said}`)), START_MS_MAX);
  try {
    const told = await promise;
    return { pid: child.pid ?? 0, told, end: () => endGroup(child) };
  } catch (error) {
    await endGroup(child);
    throw error;
  } finally {
    clearTimeout(timer);
  }
}

/** SIGTERM, and SIGKILL to whoever is still there after a while. */
async function endGroup(child: ChildProcess): Promise<void> {
  if (child.pid === undefined || child.exitCode !== null || child.signalCode !== null) return;
  const below = groupPids(child.pid).filter((pid) => pid !== child.pid);
  const exited = once(child, 'exit');
  const timer = setTimeout(() => {
    for (const pid of below) kill(pid);
    child.kill('SIGKILL');
  }, END_MS_MAX);
  child.kill('SIGTERM');
  await exited;
  clearTimeout(timer);
}

function kill(pid: number): void {
  try {
    process.kill(pid, 'SIGKILL');
  } catch {
    // Gone already.
  }
}

/** A loopback port that nobody listens on now. */
export async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const address = server.address();
  server.close();
  if (address === null || typeof address === 'string') throw new Error('a TCP server has a port');
  return address.port;
}
