import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { chmodSync, cpSync, mkdtempSync, realpathSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import pg from 'pg';
import { afterAll, beforeAll, expect, onTestFinished } from 'vitest';
import { type EmbeddedCluster, startEmbeddedCluster } from './index.ts';
import { listProcesses } from './processes.ts';
import { until } from './wait.ts';

/** A temporary folder that anybody may traverse, removed when the test is over. */
export function temporaryFolder(mode = 0o755): string {
  const folder = realpathSync(mkdtempSync(join(tmpdir(), 'safelight-test-')));
  chmodSync(folder, mode);
  onTestFinished(() => rmSync(folder, { recursive: true, force: true, maxRetries: 10, retryDelay: 100 }));
  return folder;
}

/** Makes a cluster once per file; the function copies it into a fresh folder, which takes a tenth of initdb's CPU. */
export function clusterTemplate(): () => string {
  const template = realpathSync(mkdtempSync(join(tmpdir(), 'safelight-template-')));
  beforeAll(async () => {
    const cluster = await startEmbeddedCluster({ directory: template, log: () => undefined });
    await cluster.stop();
  });
  afterAll(() => rmSync(template, { recursive: true, force: true }));
  return () => {
    const directory = temporaryFolder();
    cpSync(template, directory, { recursive: true });
    return directory;
  };
}

/** Starts a fixture as a process and waits for its first line; killed at the end of the test if it still runs. */
export async function startFixture(file: string, options: string[]): Promise<{ child: ChildProcess; line: string }> {
  const child = spawnFixture(file, options);
  const { stdout } = child;
  expect(stdout).not.toBeNull();
  if (stdout === null) throw new Error('the fixture has no output');
  const [line] = await once(createInterface({ input: stdout }), 'line');
  return { child, line: String(line) };
}

export function spawnFixture(file: string, options: string[]): ChildProcess {
  const path = fileURLToPath(new URL(file, import.meta.url));
  const child = spawn(process.execPath, [path, ...options], { stdio: ['pipe', 'pipe', 'ignore'] });
  onTestFinished(() => void child.kill('SIGKILL'));
  return child;
}

/** SIGKILL, and waits until it is gone. */
export async function killChild(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  child.kill('SIGKILL');
  await once(child, 'exit');
}

/** Living processes of the cluster in `directory`, zombies left out. */
export function serverPids(directory: string, name: string): number[] {
  const data = join(directory, 'data');
  return listProcesses()
    .filter(({ zombie, argv }) => !zombie && (argv.includes(data) || argv[0]?.startsWith(`postgres: ${name}: `)))
    .map(({ pid }) => pid);
}

export async function query<Row extends pg.QueryResultRow>(
  connection: pg.ClientConfig,
  text: string,
  values: unknown[] = [],
): Promise<Row[]> {
  const client = new pg.Client(connection);
  client.on('error', () => undefined);
  await client.connect();
  try {
    return (await client.query<Row>(text, values)).rows;
  } finally {
    await client.end();
  }
}

/** Fails the test unless `condition` comes true in time. */
export async function eventually(condition: () => boolean, what: string, msMax = 15_000): Promise<void> {
  expect(await until(condition, msMax), what).toBe(true);
}

/** Inserts 1, 2, 3 … into `t`, one durable commit each, until the server goes away; returns the acknowledged ones. */
export function startWriter(connection: EmbeddedCluster['connection'], from: number) {
  const acknowledged: number[] = [];
  const client = new pg.Client(connection);
  client.on('error', () => undefined);
  const write = async () => {
    await client.connect();
    for (let n = from; ; n += 1) {
      await client.query('INSERT INTO t (n) VALUES ($1)', [n]);
      acknowledged.push(n);
    }
  };
  const done = write().catch(() => client.end().catch(() => undefined));
  return { acknowledged, done };
}
