import { closeSync, openSync } from 'node:fs';
import { dirname } from 'node:path';
import { fsyncFile, isErrno, makeDirectory } from './file-calls.ts';
import { SharedRuns } from './shared-runs.ts';

const DIRECTORY_MODE = 0o700;
/** About 10 MB of paths; beyond it all are forgotten and made sure of again. */
const REMEMBERED_MAX = 65_536;

/** Folders below `root` whose names and contents are on stable storage. */
export class DurableDirectories {
  readonly #root: string;
  readonly #made = new Set<string>();
  readonly #syncs = new SharedRuns(fsyncDirectory);

  /** @param root exists already and is durable. */
  constructor(root: string) {
    this.#root = root;
  }

  /**
   * Makes `directory` and its parents up to the root. A folder that another process made counts only after an fsync
   * of its parent that began here, since the other process may not have reached its own.
   */
  async make(directory: string): Promise<void> {
    if (directory === this.#root || this.#made.has(directory)) return;
    const parent = dirname(directory);
    await this.make(parent);
    try {
      await makeDirectory(directory, DIRECTORY_MODE);
    } catch (error) {
      if (!isErrno(error, 'EEXIST')) throw error;
    }
    await this.sync(parent);
    if (this.#made.size >= REMEMBERED_MAX) this.#made.clear();
    this.#made.add(directory);
  }

  /** After somebody removed `directory` behind our back: the next `make` makes it, and its parents, again. */
  forget(directory: string): void {
    for (let path = directory; path !== this.#root; path = dirname(path)) this.#made.delete(path);
  }

  /** Makes the names in `directory` durable: resolves after an fsync that began after this call. */
  sync(directory: string): Promise<void> {
    return this.#syncs.run(directory);
  }
}

/** One fsync of a folder. Opened synchronously: it was changed a moment ago, so the kernel has it in memory. */
async function fsyncDirectory(directory: string): Promise<void> {
  const fd = openSync(directory, 'r');
  try {
    await fsyncFile(fd);
  } finally {
    closeSync(fd);
  }
}

/**
 * Makes the root of a store and every missing folder above it, durably. The folder above the root is fsynced even when
 * the root stands: an earlier process may have died between the two.
 */
export async function makeRoot(root: string): Promise<void> {
  const made = await tryMake(root);
  if (made === 'parent missing') {
    await makeRoot(dirname(root));
    await makeDirectory(root, DIRECTORY_MODE);
  }
  try {
    await fsyncDirectory(dirname(root));
  } catch (error) {
    // A folder that we may pass but not read is not ours to keep.
    if (made !== 'stands' || !isErrno(error, 'EACCES', 'EPERM')) throw error;
  }
}

async function tryMake(path: string): Promise<'made' | 'stands' | 'parent missing'> {
  try {
    await makeDirectory(path, DIRECTORY_MODE);
    return 'made';
  } catch (error) {
    if (isErrno(error, 'EEXIST')) return 'stands';
    if (isErrno(error, 'ENOENT') && dirname(path) !== path) return 'parent missing';
    throw error;
  }
}
