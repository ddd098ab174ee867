import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { appendFileSync, chmodSync, existsSync, mkdtempSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, onTestFinished, test } from 'vitest';
import { clusterTemplate, killChild, query } from './fixture.ts';
import { serverUser } from './folder.ts';
import { findBinaries, startEmbeddedCluster } from './index.ts';
import { chooseLaunch, spawnServer } from './launch.ts';
import { endOrphans } from './orphans.ts';
import { until } from './wait.ts';

const log = () => undefined;

function sleeper(argv: string[]): ChildProcess {
  const child = spawn('/bin/sh', ['-c', 'while :; do sleep 1; done', ...argv], { stdio: 'ignore' });
  onTestFinished(() => killChild(child));
  return child;
}

describe('what an earlier server left', () => {
  const newCluster = clusterTemplate();
  const stoppedCluster = () => {
    const directory = newCluster();
    const data = join(directory, 'data');
    chmodSync(data, 0o700);
    serverUser(directory); // Under root, gives the copy to the server's user.
    return { directory, data };
  };

  test.each(['another program', 'a zombie'])('a pid file with the pid of %s does not block a start', async (kind) => {
    const { directory, data } = stoppedCluster();
    const parent = spawn(
      '/bin/sh',
      ['-c', kind === 'a zombie' ? 'sleep 0.1 & echo $!; exec sleep 60' : 'echo $$; sleep 60'],
      {
        stdio: ['ignore', 'pipe', 'ignore'],
        ...owner(data),
      },
    );
    onTestFinished(() => killChild(parent));
    const [output] = await once(parent.stdout, 'data');
    writeFileSync(join(data, 'postmaster.pid'), `${Number(output)}\n${data}\n1\n5432\n\n\n  1 1\nready\n`);
    const cluster = await startEmbeddedCluster({ directory, log });
    expect(await query(cluster.connection, 'SELECT 1 AS one')).toEqual([{ one: 1 }]);
    expect(parent.exitCode ?? parent.signalCode).toBeNull();
    await cluster.stop();
  });

  test.each(['99', '', '\0\0\0\0'])('a pid file that is cut short to %j does not block a start', async (content) => {
    const { directory, data } = stoppedCluster();
    writeFileSync(join(data, 'postmaster.pid'), content);
    const cluster = await startEmbeddedCluster({ directory, log });
    await cluster.stop();
  });

  test.runIf(process.platform === 'linux')(
    'a process that still makes a cluster ends, and its draft goes',
    async () => {
      const { directory } = stoppedCluster();
      const draft = mkdtempSync(join(directory, 'initdb-'));
      const script = 'while :; do mkdir -p data && : > data/$(date +%N); done';
      const writer = spawn('/bin/sh', ['-c', script], { cwd: draft, stdio: 'ignore' });
      onTestFinished(() => killChild(writer));
      await until(() => existsSync(join(draft, 'data')), 5_000);
      await (await startEmbeddedCluster({ directory, log })).stop();
      expect(existsSync(draft)).toBe(false);
      expect(writer.signalCode).toBe('SIGKILL');
    },
  );

  test('a live server without an owner is ended with a signal, by its folder', async () => {
    const { directory, data } = stoppedCluster();
    const lines: string[] = [];
    const binaries = findBinaries();
    // As the launcher would: the binaries may lie below a folder that is closed to the server's user.
    const launch = chooseLaunch(binaries, [directory], serverUser(directory));
    const program = join(binaries.directory, 'bin', 'postgres');
    const options = ['-D', data, '-c', 'listen_addresses=', '-c', `unix_socket_directories=${data}`];
    const orphan = spawnServer(launch, 'INT', [program, ...options], { stdio: 'ignore', cwd: '/' });
    onTestFinished(() => killChild(orphan));
    await expect.poll(() => existsSync(join(data, 'postmaster.pid')), { timeout: 20_000 }).toBe(true);
    const cluster = await startEmbeddedCluster({ directory, log: (line) => void lines.push(line) });
    expect(orphan.exitCode).toBe(0);
    expect(lines.join('\n')).toContain(`SIGINT to process ${orphan.pid}`);
    await cluster.stop();
  });

  test('programs that only have the folder or the name in their command line are left alone', async () => {
    const { data } = stoppedCluster();
    const bystanders = [
      sleeper(['postgres', '-D', data]),
      sleeper(['-D', data]),
      sleeper([`${data}-other/bin/postgres`, '-D', `${data}-other`]),
    ];
    await Promise.all(bystanders.map((child) => once(child, 'spawn')));
    await endOrphans(data, log);
    expect(bystanders.map(({ exitCode, signalCode }) => exitCode ?? signalCode)).toEqual([null, null, null]);
  });

  test('a pid file of what may be a server is left for PostgreSQL to judge', async () => {
    const { data } = stoppedCluster();
    const child = sleeper(['postgres']);
    const path = join(data, 'postmaster.pid');
    appendFileSync(path, `${child.pid}\n`);
    await endOrphans(data, log);
    expect(readFileSync(path, 'utf8')).toBe(`${child.pid}\n`);
  });
});

/** The server's user: a pid of anybody else PostgreSQL itself knows to be no server. */
function owner(data: string): { uid?: number; gid?: number } {
  if (process.getuid?.() !== 0) return {};
  const { uid, gid } = statSync(data);
  return { uid, gid };
}
