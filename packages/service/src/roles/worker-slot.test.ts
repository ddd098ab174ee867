import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import pino from 'pino';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { pidExists } from '../db/embedded/processes.ts';
import { CRASH_ISOLATION } from '../renditions/isolation.ts';
import { WorkerSlot } from './worker-slot.ts';

describe('a slot', () => {
  let folder: string;
  let slot: WorkerSlot;

  beforeEach(async () => {
    folder = await mkdtemp(join(tmpdir(), 'safelight-slot-'));
    const log = pino({ level: 'silent' });
    slot = new WorkerSlot({ slot: 60, scratchDirectory: join(folder, 'scratch'), isolation: CRASH_ISOLATION, log });
  });

  afterEach(async () => {
    await slot.close();
    await rm(folder, { recursive: true });
  });

  test('starts one process for all who want one in the same moment', async () => {
    const [first, second] = await Promise.all([slot.ready(), slot.ready()]);
    expect(second.pid).toBe(first.pid);
    expect(slot.pid).toBe(first.pid);
  });

  test('starts one process in place of one that was killed, whoever asks besides', async () => {
    const first = await slot.ready();
    first.kill();
    await first.exited;
    const [second, third] = await Promise.all([slot.ready(), slot.ready()]);
    expect(second.pid).not.toBe(first.pid);
    expect(third.pid).toBe(second.pid);
  });

  test('that is closed while its process starts leaves none behind', async () => {
    const starting = slot.ready().catch(() => undefined);
    await slot.close();
    const process = await starting;
    expect(slot.alive).toBe(false);
    if (process?.pid !== undefined) expect(pidExists(process.pid)).toBe(false);
  });
});
