import { type ChildProcess, spawn } from 'node:child_process';
import { createHash, randomInt } from 'node:crypto';
import { once } from 'node:events';
import { mkdtemp, readdir, rm, stat } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { buffer } from 'node:stream/consumers';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { systemClock } from '../../core/clock.ts';
import { invariant } from '../../core/invariant.ts';
import type { ObjectStore } from '../../ports/object-store.ts';
import { openFsObjectStore } from './index.ts';

const HOUR_MS = 3_600_000;
const KILLS = 12;
const inAnHour = { ...systemClock, now: () => Date.now() + 2 * HOUR_MS };

const running = new Set<ChildProcess>();

/** Runs `body` in a process of its own, with `store` open on `directory`. */
function spawnWriter(directory: string, body: string): ChildProcess {
  const script = `
    import { createHash, randomBytes } from 'node:crypto';
    import { Readable } from 'node:stream';
    const { openFsObjectStore } = await import(${JSON.stringify(new URL('./index.ts', import.meta.url).href)});
    const store = await openFsObjectStore({ directory: ${JSON.stringify(directory)} });
    ${body}`;
  const argv = ['--input-type=module', '--eval', script];
  const child = spawn(process.execPath, argv, { stdio: ['ignore', 'pipe', 'inherit'] });
  running.add(child);
  child.once('exit', () => running.delete(child));
  return child;
}

async function kill(child: ChildProcess): Promise<void> {
  const exited = once(child, 'exit');
  child.kill('SIGKILL');
  await exited;
}

describe('an object store whose writer is killed', () => {
  let directory: string;
  let store: ObjectStore;
  beforeEach(async () => {
    directory = await mkdtemp(join(tmpdir(), 'safelight-objects-'));
    store = await openFsObjectStore({ directory, clock: inAnHour });
  });
  afterEach(async () => {
    await Promise.all([...running].map(kill));
    await rm(directory, { recursive: true });
  });

  it('shows nothing of a stream cut off in the middle, and is swept of it', async () => {
    const child = spawnWriter(
      directory,
      `const source = new Readable({ read() {} });
       source.push(randomBytes(3_000_000));
       setInterval(() => {}, 1000);
       await store.putStream('ten_a/original/half', source, { bytesMax: 1e9 });`,
    );
    await expect.poll(() => bytesStaged(directory), { timeout: 20_000 }).toBeGreaterThan(1_000_000);
    await kill(child);
    expect(await store.stat('ten_a/original/half')).toBeUndefined();
    expect(await readdir(join(directory, 'staging'))).toHaveLength(1);
    expect(await store.sweepUnfinished?.(3 * HOUR_MS)).toBe(0);
    expect(await store.sweepUnfinished?.(HOUR_MS)).toBe(1);
    expect(await readdir(join(directory, 'staging'))).toEqual([]);
    await store.put('ten_a/original/half', Buffer.from('free'));
  });

  it(`keeps every acknowledged object and shows no half one, over ${KILLS} kills at any moment`, async () => {
    const acknowledged = new Set<string>();
    for (let round = 0; round < KILLS; round += 1) await writeUntilKilled(round, acknowledged);
    expect(acknowledged.size).toBeGreaterThan(KILLS);
    let listed = 0;
    for await (const { key } of store.list('')) {
      const bytes = await buffer((await store.read(key)).stream);
      const digest = createHash('sha256').update(bytes.subarray(32)).digest();
      expect(digest.equals(bytes.subarray(0, 32)), key).toBe(true);
      acknowledged.delete(key);
      listed += 1;
    }
    expect([...acknowledged]).toEqual([]);
    expect(listed).toBeGreaterThan(0);
    await store.sweepUnfinished?.(HOUR_MS);
    expect(await readdir(join(directory, 'staging'))).toEqual([]);
  });

  /** Four loops put objects that carry their own digest, and say each key once its put has resolved. */
  async function writeUntilKilled(round: number, acknowledged: Set<string>): Promise<void> {
    const child = spawnWriter(
      directory,
      `const loop = async (lane) => {
         for (let n = 0; ; n += 1) {
           const rest = randomBytes(1 + (n * 7919 * 31) % 600_000);
           const body = Buffer.concat([createHash('sha256').update(rest).digest(), rest]);
           const key = 'ten_a/original/r${round}_' + lane + '_' + n;
           if (n % 2) await store.put(key, body);
           else await store.putStream(key, Readable.from([body]), { bytesMax: 1e9 });
           process.stdout.write(key + '\\n');
         }
       };
       for (const lane of 'abcd') loop(lane);`,
    );
    invariant(child.stdout !== null, 'the writer has a standard output');
    const lines = createInterface({ input: child.stdout });
    const ended = Promise.all([once(lines, 'close'), once(child, 'exit')]);
    const enough = randomInt(1, 40);
    let seen = 0;
    lines.on('line', (line) => {
      acknowledged.add(line);
      seen += 1;
      if (seen === enough) child.kill('SIGKILL');
    });
    await ended;
  }
});

async function bytesStaged(directory: string): Promise<number> {
  let bytes = 0;
  for (const name of await readdir(join(directory, 'staging'))) {
    bytes += (await stat(join(directory, 'staging', name)).catch(() => ({ size: 0 }))).size;
  }
  return bytes;
}
