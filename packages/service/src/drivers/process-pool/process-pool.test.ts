import { spawn } from 'node:child_process';
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterEach, describe, expect, it } from 'vitest';
import { until } from '../../../../../test/support/until.ts';
import { systemClock } from '../../core/clock.ts';
import { pidExists } from '../../db/embedded/processes.ts';
import { describeMachinePool } from '../../ports/machine-pool.contract.ts';
import { openProcessPool } from './index.ts';

const MACHINE = fileURLToPath(new URL('machine.fixture.ts', import.meta.url));
const OWNER = fileURLToPath(new URL('owner.fixture.ts', import.meta.url));

/** Machines that have come so far that they hear a SIGTERM. */
function machinesUp(directory: string): number[] {
  const places = readdirSync(directory).filter((name) => /^\d+$/.test(name));
  return places
    .map((place) => Number(readFileSync(join(directory, place, 'pid'), { encoding: 'utf8', flag: 'a+' })))
    .filter((pid) => pid > 0 && pidExists(pid));
}

function open(command: readonly string[] = [process.execPath, MACHINE]) {
  const directory = mkdtempSync(join(tmpdir(), 'safelight-pool-'));
  const errors: Error[] = [];
  const pool = openProcessPool({
    directory,
    command,
    environment: (folder) => ({ MACHINE_FOLDER: folder }),
    clock: systemClock,
    onError: (error) => errors.push(error),
  });
  const untilUp = (machines: number) =>
    until(`${machines} machines up`, () => machinesUp(directory).length === machines && machinesUp(directory));
  const resize = async (machines: number) => {
    await pool.resize(machines, (await pool.look()).version);
    return untilUp(machines);
  };
  const work = {
    begin: async () => {
      await untilUp((await pool.look()).present);
      writeFileSync(join(directory, 'at-work'), '');
    },
    end: async () => rmSync(join(directory, 'at-work')),
    untilRunning: untilUp,
  };
  const kill = async () => {
    const [pid = 0] = await untilUp((await pool.look()).present);
    process.kill(pid, 'SIGKILL');
    await until('its end', () => !pidExists(pid));
  };
  const close = async () => {
    await pool.close();
    rmSync(directory, { recursive: true });
  };
  return { pool, directory, errors, resize, work, kill, close };
}

describeMachinePool('processes', async () => open());

describe('a pool of processes', () => {
  let opened: ReturnType<typeof open>;
  afterEach(() => opened.close());

  it('knows its machines by their node ids, also those of a run before', async () => {
    opened = open();
    const machine = { nodeId: 'node_at_0', host: 'here' };
    expect(opened.pool.owns(machine)).toBe(false);
    await opened.resize(1);
    expect(opened.pool.owns(machine)).toBe(true);
    const { directory } = opened;
    const next = openProcessPool({
      directory,
      command: [],
      environment: () => ({}),
      clock: systemClock,
      onError: () => undefined,
    });
    expect(next.owns(machine)).toBe(true);
  });

  it('tells which machine was lost, and nothing of one that drained', async () => {
    opened = open();
    const lost: string[] = [];
    opened.pool.onLost?.((nodeId) => lost.push(nodeId));
    const pids = await opened.resize(2);
    process.kill(pids[1] ?? 0, 'SIGKILL');
    await until('news of it', () => lost.length > 0);
    expect(lost).toEqual(['node_at_1']);
    expect(opened.errors.map(({ message }) => message)).toEqual(['a machine of the pool ended unasked: SIGKILL']);
    await until('another in its place', async () => (await opened.pool.look()).present === 2);
    await opened.resize(0);
    expect(lost).toEqual(['node_at_1']);
  });

  it('tries ever more slowly to start a machine that does not start', async () => {
    opened = open([process.execPath, '--no-such-option']);
    await opened.pool.resize(1, (await opened.pool.look()).version);
    await until('three failures', () => opened.errors.length >= 3);
    const after = opened.errors.length;
    await until('some more', () => opened.errors.length > after + 1, 60_000);
    // At 40 ms a start, two seconds of trying without rest would be fifty.
    expect(opened.errors.length).toBeLessThan(20);
  });

  it('survives a command that is not there', async () => {
    opened = open([join(tmpdir(), 'no-such-program')]);
    await opened.pool.resize(1, (await opened.pool.look()).version);
    await until('the failure', () => opened.errors.some(({ message }) => message.includes('ENOENT')));
  });

  it('ends machines at work when it closes, after a while', async () => {
    opened = open();
    const pids = await opened.resize(2);
    await opened.work.begin();
    await opened.pool.close();
    expect(pids.filter(pidExists)).toEqual([]);
  });

  it('leaves no machine behind when its owner is killed', async () => {
    opened = open();
    const { directory } = opened;
    const owner = spawn(process.execPath, [OWNER, directory, MACHINE], { stdio: 'inherit' });
    const pids = await until('two machines of the owner', () => {
      const up = machinesUp(directory);
      return up.length === 2 && up;
    });
    owner.kill('SIGKILL');
    await until('their end', () => pids.every((pid) => !pidExists(pid)));
  });
});
