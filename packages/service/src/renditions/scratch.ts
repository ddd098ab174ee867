import { chmodSync, chownSync, constants, mkdirSync } from 'node:fs';
import { chown, type FileHandle, mkdir, open } from 'node:fs/promises';
import { join } from 'node:path';
import { invariant } from '../core/invariant.ts';

/**
 * The folder in which a worker process lives. The worker may write inside its jobs' folders and nowhere else: the
 * scratch folder stays its supervisor's, so that a worker which turned against it can move no folder away and put a
 * link in its place. Links that it leaves as outputs are not followed.
 */
export interface Scratch {
  readonly directory: string;
  /** Makes the folder of one job, open to the worker alone, and returns its path: the original goes into it. */
  createFolder(name: string): Promise<string>;
  /**
   * Opens an output for reading.
   * @throws UntrustedOutputError when it is not a plain file that the worker itself wrote.
   */
  openOutput(folder: string, index: number): Promise<FileHandle>;
}

/** The name, inside a job's folder, under which the supervisor puts the original. */
export const ORIGINAL_FILE = 'original';

/** What lies in an output's place is not what an honest worker leaves there. */
export class UntrustedOutputError extends Error {
  override readonly name = 'UntrustedOutputError';
}

/** @param uid the user that the worker becomes, or undefined when it stays its supervisor's. */
export function prepareScratch(directory: string, uid: number | undefined): Scratch {
  mkdirSync(directory, { recursive: true, mode: 0o700 });
  if (uid === undefined) chmodSync(directory, 0o700);
  else {
    chownSync(directory, 0, uid);
    // The group may pass through, not read, not write.
    chmodSync(directory, 0o710);
  }
  return {
    directory,
    createFolder: async (name) => {
      invariant(/^[\w-]+$/.test(name), `a job's folder is a plain name, not ${name}`);
      const path = join(directory, name);
      await mkdir(path, { mode: 0o700 });
      if (uid !== undefined) await chown(path, uid, uid);
      return path;
    },
    openOutput: (folder, index) => openOwned(join(directory, folder, `${index}`), uid),
  };
}

async function openOwned(path: string, uid: number | undefined): Promise<FileHandle> {
  const file = await open(path, constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK).catch((error) => {
    throw new UntrustedOutputError(`the worker's output cannot be opened: ${error.code}`, { cause: error });
  });
  const stat = await file.stat();
  if (stat.isFile() && (uid === undefined || stat.uid === uid)) return file;
  await file.close();
  throw new UntrustedOutputError('the worker left something other than a file of its own as an output');
}
