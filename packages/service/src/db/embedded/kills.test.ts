import { randomInt } from 'node:crypto';
import { existsSync, readdirSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { describe, expect, test } from 'vitest';
import {
  eventually,
  killChild,
  query,
  serverPids,
  spawnFixture,
  startFixture,
  startWriter,
  temporaryFolder,
} from './fixture.ts';
import { ClusterBusyError, type EmbeddedCluster, startEmbeddedCluster } from './index.ts';
import { clusterName } from './orphans.ts';
import { listProcesses } from './processes.ts';
import { until } from './wait.ts';

const OWNER = './owner.fixture.ts';
const ROUNDS = 6;
/** initdb takes 0.6-4.3 s: the kills are spread over it and the start behind it. */
const FIRST_START_MS = 1_300;

interface Owned {
  readonly pid: number;
  readonly connection: EmbeddedCluster['connection'];
}

async function startOwner(directory: string) {
  const { child, line } = await startFixture(OWNER, [directory]);
  return { child, ...(JSON.parse(line) as Owned) };
}

type Victims = (owner: { child: { pid?: number | undefined }; pid: number }, directory: string) => number[];

const VICTIMS: [string, Victims][] = [
  ['the owner alone', ({ child }) => [child.pid ?? 0]],
  ['the owner and the postmaster', ({ child, pid }) => [child.pid ?? 0, pid]],
  [
    'the owner and every process of the server',
    ({ child }, directory) => [child.pid ?? 0, ...serverPids(directory, clusterName(join(directory, 'data')))],
  ],
];

describe('after SIGKILL of', () => {
  test.each(VICTIMS)('%s the next start needs no hand and has all that was acknowledged', async (_, victims) => {
    const directory = temporaryFolder();
    const acknowledged: number[] = [];
    for (let round = 0; round < ROUNDS; round += 1) {
      const owner = await startOwner(directory);
      await query(owner.connection, 'CREATE TABLE IF NOT EXISTS t (n int)');
      const writer = startWriter(owner.connection, round * 1_000_000);
      await eventually(() => writer.acknowledged.length >= 20, 'commits are acknowledged');
      for (const pid of victims(owner, directory)) killPid(pid);
      await killChild(owner.child);
      await writer.done;
      acknowledged.push(...writer.acknowledged);
    }
    const cluster = await startEmbeddedCluster({ directory, log: () => undefined });
    const rows = await query<{ n: number }>(cluster.connection, 'SELECT n FROM t');
    const stored = new Set(rows.map(({ n }) => n));
    await cluster.stop();
    expect(acknowledged.length).toBeGreaterThanOrEqual(ROUNDS * 20);
    expect(acknowledged.filter((n) => !stored.has(n))).toEqual([]);
    expect(readdirSync(directory).sort()).toEqual(['data', 'superuser-password']);
  });

  test('the owner at any moment of its first start the next start needs no hand', async () => {
    const directory = temporaryFolder();
    for (let round = 0; round < ROUNDS; round += 1) {
      const child = spawnFixture(OWNER, [directory]);
      await sleep(randomInt(FIRST_START_MS));
      await killChild(child);
      // The first start, again and again; what is left of the last one stays.
      if (existsSync(join(directory, 'data')) && round < ROUNDS - 1) await removeCluster(directory);
    }
    const cluster = await startEmbeddedCluster({ directory, log: () => undefined });
    expect(await query(cluster.connection, 'SELECT 1 AS one')).toEqual([{ one: 1 }]);
    await cluster.stop();
    expect(readdirSync(directory).sort()).toEqual(['data', 'superuser-password']);
  });

  test('the owner, its temporary socket folder is removed by the next start', async () => {
    const directory = join(temporaryFolder(), 'long'.repeat(25));
    const { child, connection } = await startOwner(directory);
    await killChild(child);
    expect(existsSync(connection.host)).toBe(true);
    const cluster = await startEmbeddedCluster({ directory, log: () => undefined });
    expect(existsSync(connection.host)).toBe(false);
    await cluster.stop();
  });
});

describe('a server of which one process was killed', () => {
  test('answers again, also when its recovery is killed in turn', async () => {
    const directory = temporaryFolder();
    const cluster = await startEmbeddedCluster({ directory, log: () => undefined });
    const title = `postgres: ${clusterName(join(directory, 'data'))}: `;
    const find = (what: string) => listProcesses().find(({ argv }) => argv[0]?.startsWith(`${title}${what}`))?.pid;
    for (let round = 0; round < 3; round += 1) {
      await eventually(() => find('checkpointer') !== undefined, 'the checkpointer runs');
      killPid(find('checkpointer') ?? 0);
      // A recovery may be over too soon to be seen; most take long enough.
      await until(() => find('startup') !== undefined, 2_000);
      const recovery = find('startup');
      if (recovery !== undefined) killPid(recovery);
      await answers(cluster);
    }
    await cluster.stop();
  });
});

describe('a server whose owner was killed', () => {
  test.runIf(process.platform === 'linux')('ends by itself', async () => {
    const directory = temporaryFolder();
    const { child } = await startOwner(directory);
    await killChild(child);
    const name = clusterName(join(directory, 'data'));
    await eventually(() => serverPids(directory, name).length === 0, 'the server is gone');
  });

  test('is waited for, and its owner is not: the folder is busy only while the owner lives', async () => {
    const directory = temporaryFolder();
    const { child } = await startOwner(directory);
    const start = () => startEmbeddedCluster({ directory, log: () => undefined });
    await expect(start()).rejects.toThrow(ClusterBusyError);
    await killChild(child);
    await (await start()).stop();
  });
});

async function answers({ connection }: EmbeddedCluster): Promise<void> {
  const deadline = performance.now() + 20_000;
  for (;;) {
    try {
      await query(connection, 'SELECT 1');
      return;
    } catch (error) {
      if (performance.now() > deadline) throw error;
      await sleep(50);
    }
  }
}

/** Some of the victims end by themselves when the first is dead. */
function killPid(pid: number): void {
  try {
    process.kill(pid, 'SIGKILL');
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ESRCH') throw error;
  }
}

async function removeCluster(directory: string): Promise<void> {
  const name = clusterName(join(directory, 'data'));
  await eventually(() => serverPids(directory, name).length === 0, 'the server of a killed start is gone');
  rmSync(join(directory, 'data'), { recursive: true });
}
