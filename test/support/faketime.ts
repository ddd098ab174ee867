import { existsSync, readdirSync } from 'node:fs';
import { chmod, mkdir, rm, symlink, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { PostgresBinaries } from '../../packages/service/src/db/embedded/binaries.ts';

/** Where libfaketime lies, on Debian and its kin; undefined when it is not installed. */
export function findFaketime(): string | undefined {
  const folders = existsSync('/usr/lib') ? readdirSync('/usr/lib').map((name) => join('/usr/lib', name)) : [];
  return ['/usr/lib', ...folders]
    .map((folder) => join(folder, 'faketime', 'libfaketime.so.1'))
    .find((path) => existsSync(path));
}

/** A clock for processes under test, which the test sets; the machine's own is left alone. */
export interface TestClock {
  /** What a process must have in its environment to live by this clock. */
  readonly env: Readonly<Record<string, string>>;
  /** Makes it jump, such as by `+1d`, from the true time. */
  set(offset: string): Promise<void>;
}

export async function createTestClock(library: string, folder: string): Promise<TestClock> {
  const file = join(folder, 'clock');
  const set = (offset: string) => writeFile(file, `${offset}\n`);
  await set('+0');
  await chmod(file, 0o644);
  const env = {
    LD_PRELOAD: library,
    FAKETIME_TIMESTAMP_FILE: file,
    // Read at every call, so that a jump is seen at once.
    FAKETIME_NO_CACHE: '1',
    // A clock that is set takes the calendar along, not what measures durations.
    FAKETIME_DONT_FAKE_MONOTONIC: '1',
  };
  return { env, set };
}

/** The library leaves these in shared memory when its process is killed, and a later one of that number would trip over them. */
export async function forgetClockOf(pid: number): Promise<void> {
  for (const name of [`faketime_shm_${pid}`, `sem.faketime_sem_${pid}`])
    await rm(join('/dev/shm', name), { force: true });
}

/** The same binaries, whose server lives by the clock. `folder` must be open to the server's user. */
export async function withClock(
  binaries: PostgresBinaries,
  clock: TestClock,
  folder: string,
): Promise<PostgresBinaries> {
  await mkdir(join(folder, 'bin'), { recursive: true });
  const settings = Object.entries(clock.env).map(([name, value]) => `export ${name}='${value}'\n`);
  for (const program of readdirSync(join(binaries.directory, 'bin'))) {
    const real = join(binaries.directory, 'bin', program);
    const script = join(folder, 'bin', program);
    const clocked = program === 'postgres' ? settings.join('') : '';
    await writeFile(script, `#!/bin/sh\n${clocked}exec '${real}' "$@"\n`, { mode: 0o755 });
  }
  for (const part of ['lib', 'share']) await symlink(join(binaries.directory, part), join(folder, part));
  return { ...binaries, directory: folder };
}
