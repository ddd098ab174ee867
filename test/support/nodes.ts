import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdir, mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { NodePage } from '@safelight/contract';
import { createClient } from '@safelight/sdk';
import { systemClock } from '../../packages/service/src/core/clock.ts';
import { addOperatorKey, createKey, newKeySecret, rotateUrlKey } from '../../packages/service/src/tenants/index.ts';
import { createTestDatabase, type TestDatabase } from './database.ts';
import { until } from './until.ts';

const MAIN = fileURLToPath(new URL('../../packages/service/src/main.ts', import.meta.url));
const START_MS_MAX = 45_000;

export type RegisteredNode = NodePage['nodes'][number];

export interface NodeOptions {
  /** As `serve --roles` takes them. */
  readonly roles: string;
  /** A data folder to keep; absent: a fresh one. */
  readonly data?: string;
  /** The program to run; absent: this build's. */
  readonly main?: string;
  readonly env?: Readonly<Record<string, string>>;
}

/** One process group of an installation of many. */
export interface FleetNode {
  readonly id: string;
  /** Where its API listens; '' without that role. */
  readonly url: string;
  readonly data: string;
  readonly process: ChildProcess;
  /** Everything that it has printed. */
  output(): string;
  /** SIGTERM. @returns the exit code. */
  stop(): Promise<number | null>;
  /** SIGKILL, of the node's own process alone; what it started must end by itself. */
  kill(): Promise<void>;
}

/** A database and an object folder that nodes share; each node has a data folder of its own. */
export interface Installation {
  readonly test: TestDatabase;
  readonly folder: string;
  /** What every command of this installation needs to know. */
  readonly env: Readonly<Record<string, string>>;
  /** Headers that carry a key of tenant A, and of the operator. */
  readonly tenant: { readonly authorization: string };
  readonly operator: { readonly authorization: string };
  start(options: NodeOptions): Promise<FleetNode>;
  /** The registry, as the API of `node` tells it. */
  registry(node: FleetNode): Promise<RegisteredNode[]>;
  close(): Promise<void>;
}

export async function createInstallation(): Promise<Installation> {
  const test = await createTestDatabase();
  const folder = await mkdtemp(join(tmpdir(), 'safelight-nodes-'));
  const env = { DATABASE_URL: urlOf(test), SAFELIGHT_OBJECTS: `file:${join(folder, 'objects')}` };
  await test.database.transaction((tx) => rotateUrlKey(tx, systemClock, test.tenants.a));
  const secret = newKeySecret(systemClock);
  const scopes = ['images:read', 'images:write'] as const;
  await test.database.transaction((tx) => createKey(tx, systemClock, { tenantId: test.tenants.a, secret, scopes }));
  const operatorKey = await addOperatorKey(test.database, systemClock);
  const nodes: FleetNode[] = [];
  let folders = 0;
  return {
    test,
    folder,
    env,
    tenant: { authorization: `Bearer ${secret}` },
    operator: { authorization: `Bearer ${operatorKey}` },
    start: async (options) => {
      folders += 1;
      const data = options.data ?? join(folder, `node-${folders}`);
      await mkdir(data, { recursive: true });
      const node = await startNode({ ...options, data, env: { ...env, ...options.env } });
      nodes.push(node);
      return node;
    },
    registry: async ({ url }) => (await createClient({ baseUrl: url, key: operatorKey }).nodes()).nodes,
    close: async () => {
      await Promise.all(nodes.map((node) => node.stop()));
      await test.close();
      await rm(folder, { recursive: true, force: true });
    },
  };
}

async function startNode(options: NodeOptions & { readonly data: string }): Promise<FleetNode> {
  const { data, roles, main = MAIN } = options;
  const env = {
    PATH: process.env.PATH,
    HOME: process.env.HOME,
    SAFELIGHT_DATA: data,
    SAFELIGHT_PORT: '0',
    SAFELIGHT_WORKERS: '1',
    SAFELIGHT_DATABASE_CONNECTIONS: '8',
    SAFELIGHT_LOG_LEVEL: 'warn',
    ...options.env,
  };
  const child = spawn(process.execPath, [main, 'serve', '--roles', roles], { env, stdio: ['ignore', 'pipe', 'pipe'] });
  const output: string[] = [];
  for (const stream of [child.stdout, child.stderr]) stream.on('data', (chunk: Buffer) => output.push(String(chunk)));
  const text = () => output.join('');
  const end = async (signal: NodeJS.Signals) => {
    if (!hasEnded(child)) {
      child.kill(signal);
      await once(child, 'exit');
    }
    return child.exitCode;
  };
  try {
    await until('the node is ready', () => hasEnded(child) || /is ready\.[\s\S]*\n\n/.test(text()), START_MS_MAX);
    if (hasEnded(child)) throw new Error(`it ended with ${child.exitCode ?? child.signalCode}`);
    const id = (await readFile(join(data, 'node-id'), 'utf8')).trim();
    const url = /page +(http:\S+)\//.exec(text())?.[1] ?? '';
    const kill = async () => void (await end('SIGKILL'));
    return { id, url, data, process: child, output: text, stop: () => end('SIGTERM'), kill };
  } catch (error) {
    await end('SIGKILL');
    throw new Error(`the node did not start:\n${text()}`, { cause: error });
  }
}

function hasEnded(child: ChildProcess): boolean {
  return child.exitCode !== null || child.signalCode !== null;
}

function urlOf({ service }: TestDatabase): string {
  const { user, password, database, host, port } = service;
  return `postgres://${user}:${password}@/${database}?host=${encodeURIComponent(host ?? '')}&port=${port}`;
}
