import { readdir } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import type { Clock } from '../../core/clock.ts';
import { newId } from '../../core/ids.ts';
import { ObjectExistsError, OutOfSpaceError } from '../../ports/object-store.ts';
import type { DurableDirectories } from './durable-directories.ts';
import { closeFile, fchmodFile, fsyncFile, isErrno, linkFile, openFile, statFile, unlinkFile } from './file-calls.ts';
import type { ObjectPlace } from './layout.ts';

/** Read-only for all: a worker under another uid reads the hard link in its scratch folder; the folders are 0700. */
const OBJECT_MODE = 0o444;

/**
 * Writes files that appear whole or not at all: O_EXCL in the staging folder, fsync, link(2) to the final name (which
 * fails where one stands), then fsync of the final folder while the staging name goes.
 */
export class Staging {
  readonly #folder: string;
  readonly #directories: DurableDirectories;
  readonly #clock: Clock;
  readonly #unfinished = new Set<string>();
  /** A umask such as 077 takes read bits that the mode needs; asked once, because asking sets it for a moment. */
  readonly #modeIsMasked = (OBJECT_MODE & process.umask()) !== 0;

  constructor(folder: string, directories: DurableDirectories, clock: Clock) {
    this.#folder = folder;
    this.#directories = directories;
    this.#clock = clock;
  }

  /** Has `fill` write the bytes to a descriptor, and publishes them at `place`. A failure leaves nothing behind. */
  async write<Result>(place: ObjectPlace, fill: (fd: number) => Promise<Result>): Promise<Result> {
    const name = newId('object', this.#clock);
    const path = join(this.#folder, name);
    this.#unfinished.add(name);
    try {
      const result = await this.#fillAndSync(path, fill);
      await this.#publish(path, place);
      return result;
    } catch (error) {
      await unlinkQuietly(path);
      throw isErrno(error, 'ENOSPC', 'EDQUOT')
        ? new OutOfSpaceError(`no space left for ${place.path}`, { cause: error })
        : error;
    } finally {
      this.#unfinished.delete(name);
    }
  }

  /** Removes staging files of other, dead processes that nobody has written to for `idleMsMin`. */
  async sweep(idleMsMin: number): Promise<number> {
    let swept = 0;
    for (const name of await readdir(this.#folder)) {
      if (this.#unfinished.has(name)) continue;
      const path = join(this.#folder, name);
      if ((await this.#idleMs(path)) > idleMsMin && (await unlinkQuietly(path))) swept += 1;
    }
    return swept;
  }

  async #fillAndSync<Result>(path: string, fill: (fd: number) => Promise<Result>): Promise<Result> {
    const fd = await openFile(path, 'wx', OBJECT_MODE);
    try {
      const result = await fill(fd);
      if (this.#modeIsMasked) await fchmodFile(fd, OBJECT_MODE);
      await fsyncFile(fd);
      return result;
    } finally {
      closeFile(fd);
    }
  }

  async #publish(path: string, place: ObjectPlace): Promise<void> {
    await this.#directories.make(place.directory);
    try {
      await linkFresh(path, place);
    } catch (error) {
      if (!isErrno(error, 'ENOENT')) throw error;
      this.#directories.forget(place.directory);
      await this.#directories.make(place.directory);
      await linkFresh(path, place);
    }
    try {
      await Promise.all([this.#directories.sync(place.directory), unlinkQuietly(path)]);
    } catch (error) {
      // What may not survive a power cut must not be found either: the caller was told that the put failed.
      await unlinkQuietly(place.path);
      throw error;
    }
  }

  async #idleMs(path: string): Promise<number> {
    try {
      // A time ahead of the clock is as far off as one behind: the clock was set back, and the file must still go.
      return Math.abs(this.#clock.now() - (await statFile(path)).mtimeMs);
    } catch (error) {
      if (isErrno(error, 'ENOENT')) return 0;
      throw error;
    }
  }
}

async function linkFresh(path: string, place: ObjectPlace): Promise<void> {
  try {
    await linkFile(path, place.path);
  } catch (error) {
    if (isErrno(error, 'EEXIST')) throw new ObjectExistsError(`an object stands at ${place.path}`, { cause: error });
    if (isErrno(error, 'EPERM', 'ENOTSUP', 'EOPNOTSUPP', 'ENOSYS')) {
      throw new Error(`the file system of ${dirname(place.path)} has no hard links, which the store needs`, {
        cause: error,
      });
    }
    throw error;
  }
}

/** Whether it went; what stays is swept later, and the failure that led here is the one to report. */
async function unlinkQuietly(path: string): Promise<boolean> {
  try {
    await unlinkFile(path);
    return true;
  } catch {
    return false;
  }
}
