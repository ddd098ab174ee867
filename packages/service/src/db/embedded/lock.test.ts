import { existsSync, readdirSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { killChild, startFixture, temporaryFolder } from './fixture.ts';
import { acquireFolderLock, FolderBusyError } from './lock.ts';
import { readProcess } from './processes.ts';

const HOLDER = './lock-holder.fixture.ts';

describe('a lock on a folder', () => {
  test('is held by one and told to the other with the pid', async () => {
    const folder = temporaryFolder();
    const lock = await acquireFolderLock(folder, 'data');
    await expect(acquireFolderLock(folder, 'data')).rejects.toThrow(FolderBusyError);
    await expect(acquireFolderLock(folder, 'data')).rejects.toThrow(`pid ${process.pid}`);
    await lock.release();
  });

  test('is free again after release, which may be repeated and leaves no file', async () => {
    const folder = temporaryFolder();
    const first = await acquireFolderLock(folder, 'data');
    await first.release();
    const second = await acquireFolderLock(folder, 'data');
    await first.release();
    await expect(acquireFolderLock(folder, 'data')).rejects.toThrow(FolderBusyError);
    await second.release();
    expect(readdirSync(folder)).toEqual([]);
  });

  test('does not stand in the way of a lock of another name', async () => {
    const folder = temporaryFolder();
    const locks = await Promise.all(['a', 'b'].map((name) => acquireFolderLock(folder, name)));
    await Promise.all(locks.map((lock) => lock.release()));
  });

  test('is held against another process until that is killed, and then taken at once', async () => {
    const folder = temporaryFolder();
    const { child, line } = await startFixture(HOLDER, [folder, 'data']);
    expect(line).toBe('held');
    await expect(acquireFolderLock(folder, 'data')).rejects.toThrow(`pid ${child.pid}`);
    await killChild(child);
    const lock = await acquireFolderLock(folder, 'data');
    expect(readdirSync(folder)).toHaveLength(1);
    await lock.release();
  });

  test('goes to exactly one of many that want it in the same moment', async () => {
    for (let round = 0; round < 10; round += 1) {
      const folder = temporaryFolder();
      const answers = await Promise.allSettled(Array.from({ length: 12 }, () => acquireFolderLock(folder, 'data')));
      const held = answers.flatMap((answer) => (answer.status === 'fulfilled' ? [answer.value] : []));
      expect(held).toHaveLength(1);
      await held[0]?.release();
    }
  });

  test('goes to exactly one of several processes when the holder was killed', async () => {
    const folder = temporaryFolder();
    const { child } = await startFixture(HOLDER, [folder, 'data']);
    await killChild(child);
    const answers = await Promise.all(Array.from({ length: 4 }, () => startFixture(HOLDER, [folder, 'data'])));
    expect(answers.map(({ line }) => line).sort()).toEqual(['busy', 'busy', 'busy', 'held']);
    await Promise.all(answers.map((answer) => killChild(answer.child)));
  });

  test('is not held by a process that merely got the pid of a dead holder', async () => {
    const folder = temporaryFolder();
    const { file, started } = await claimOfOurs(folder);
    const dead = file.replace(`.${process.pid}.${started}.`, `.${process.pid}.1.`);
    writeFileSync(join(folder, dead), '');
    const lock = await acquireFolderLock(folder, 'data');
    expect(existsSync(join(folder, dead))).toBe(false);
    await lock.release();
  });
});

describe('a lock in a folder that another container shares', () => {
  test('is respected while that holder beats', async () => {
    const folder = temporaryFolder();
    const foreign = join(folder, (await claimOfOurs(folder)).file.replace(/\.\d+\.(\d+)\./, '.1.$1.'));
    writeFileSync(foreign, '');
    const beat = setInterval(() => writeFileSync(foreign, '.'), 500);
    await expect(acquireFolderLock(folder, 'data')).rejects.toThrow(FolderBusyError);
    clearInterval(beat);
  });

  test('is taken over once it is silent', async () => {
    const folder = temporaryFolder();
    const foreign = join(folder, (await claimOfOurs(folder)).file.replace(/\.\d+\.(\d+)\./, '.1.$1.'));
    writeFileSync(foreign, '');
    const lock = await acquireFolderLock(folder, 'data');
    expect(existsSync(foreign)).toBe(false);
    await lock.release();
  });

  test('is beaten by its holder, so that the other container can see it live', async () => {
    const folder = temporaryFolder();
    const { file, lock } = await claimOfOurs(folder, true);
    const before = statSync(join(folder, file)).mtimeMs;
    await expect.poll(() => statSync(join(folder, file)).mtimeMs, { timeout: 2_500 }).toBeGreaterThan(before);
    await lock.release();
  });
});

async function claimOfOurs(folder: string, keep = false) {
  const lock = await acquireFolderLock(folder, 'data');
  const [file = ''] = readdirSync(folder);
  if (!keep) await lock.release();
  return { file, lock, started: readProcess(process.pid)?.started ?? '' };
}
