import { type FileHandle, mkdir, open, readdir, rename, rm, rmdir, stat, writeFile } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';

/** In a folder that is being filled: what it is not, yet. The next attempt at the same place clears it away. */
const UNFINISHED = 'UNFINISHED';

/** A folder cannot be made there; the message says why. */
class FolderTakenError extends Error {
  override readonly name = 'FolderTakenError';
}

/**
 * Fills a folder that appears whole or not at all: `fill` works in `FOLDER.partial`, which is on stable storage and is
 * given its name when `fill` is done. What it leaves when it fails or is killed is never mistaken for the folder.
 * @throws FolderTakenError when something stands there already, other than an empty folder.
 */
export async function fillFolder<T>(folder: string, fill: (partial: string) => Promise<T>): Promise<T> {
  const partial = `${folder}.partial`;
  await refuseTaken(folder);
  await clearPartial(partial);
  await mkdir(partial, { recursive: true, mode: 0o700 });
  await writeFile(join(partial, UNFINISHED), `This folder is not ${basename(folder)}: that was never finished.\n`);
  try {
    const result = await fill(partial);
    await rm(join(partial, UNFINISHED));
    await syncFolders(partial);
    await rmdir(folder).catch(ignoreMissing);
    await rename(partial, folder);
    await syncFolder(dirname(folder));
    return result;
  } catch (error) {
    await rm(partial, { recursive: true, force: true }).catch(() => undefined);
    throw error;
  }
}

async function refuseTaken(folder: string): Promise<void> {
  const names = await readdir(folder).catch((error: NodeJS.ErrnoException) => {
    if (error.code === 'ENOENT') return [];
    throw new FolderTakenError(`${folder} cannot be made: ${error.message}`);
  });
  if (names.length > 0) throw new FolderTakenError(`${folder} is not empty: name a folder that is not there yet`);
}

async function clearPartial(partial: string): Promise<void> {
  const names = await readdir(partial).catch(ignoreMissing);
  if (names && names.length > 0 && !names.includes(UNFINISHED)) {
    throw new FolderTakenError(`${partial} is in the way, and was not left by an earlier attempt: move it elsewhere`);
  }
  await rm(partial, { recursive: true, force: true });
}

/** Makes the entries of a folder and of all below it outlive a power cut; their files were synced when they were written. */
async function syncFolders(folder: string): Promise<void> {
  for (const entry of await readdir(folder, { withFileTypes: true })) {
    if (entry.isDirectory()) await syncFolders(join(folder, entry.name));
  }
  await syncFolder(folder);
}

async function syncFolder(folder: string): Promise<void> {
  let handle: FileHandle | undefined;
  try {
    handle = await open(folder, 'r');
    await handle.sync();
  } finally {
    await handle?.close();
  }
}

/** Whether something is at a path. */
export async function exists(path: string): Promise<boolean> {
  return (await stat(path).catch(ignoreMissing)) !== undefined;
}

function ignoreMissing(error: NodeJS.ErrnoException): undefined {
  if (error.code !== 'ENOENT') throw error;
}
