import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { describe, expect, test } from 'vitest';
import { listProcesses, pidExists, readProcess } from './processes.ts';

describe.each(['linux', 'darwin'] as const)('processes as %s tells them', (platform) => {
  test('are read one by one and all together', () => {
    const self = readProcess(process.pid, platform);
    expect(self).toMatchObject({ pid: process.pid, zombie: false });
    expect(self?.argv.join(' ')).toContain('node');
    expect(listProcesses(platform).find(({ pid }) => pid === process.pid)?.started).toBe(self?.started);
  });

  test('are no longer there when they have ended', async () => {
    const child = spawn('/bin/sh', ['-c', 'exit 0']);
    await once(child, 'exit');
    expect(readProcess(child.pid ?? 0, platform)).toBeUndefined();
    expect(pidExists(child.pid ?? 0)).toBe(false);
  });

  test('are zombies when nobody has collected them', async () => {
    // The shell starts a child, becomes a `sleep` that never waits, and then the child ends.
    const parent = spawn('/bin/sh', ['-c', 'sleep 0.1 & echo $!; exec sleep 30'], {
      stdio: ['ignore', 'pipe', 'ignore'],
    });
    const [output] = await once(parent.stdout, 'data');
    await expect.poll(() => readProcess(Number(output), platform)?.zombie).toBe(true);
    expect(pidExists(Number(output))).toBe(true);
    parent.kill('SIGKILL');
    await once(parent, 'exit');
  });
});
