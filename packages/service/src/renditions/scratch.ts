import {
  chmodSync,
  chownSync,
  closeSync,
  constants,
  fstatSync,
  mkdirSync,
  openSync,
  read,
  readSync,
  rmdirSync,
  unlinkSync,
} from 'node:fs';
import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { invariant } from '../core/invariant.ts';

/**
 * The folder in which a worker process lives. The worker may write inside its jobs' folders and nowhere else: the
 * scratch folder stays its supervisor's, so that a worker which turned against it can move no folder away and put a
 * link in its place. Links that it leaves as outputs are not followed.
 */
export interface Scratch {
  readonly directory: string;
  /** Makes the folder of one job, open to the worker alone, and returns its path: the original goes into it. */
  createFolder(name: string): string;
  /**
   * Reads an output of at most `bytesMax` bytes.
   * @throws UntrustedOutputError when it is longer, or not a plain file that the worker itself wrote.
   */
  readOutput(folder: string, index: number, bytesMax: number): Promise<Uint8Array>;
  /** Removes the folder of a job that had `outputs` outputs at most, with whatever else the worker left in it. */
  removeFolder(name: string, outputs: number): Promise<void>;
}

/** The name, inside a job's folder, under which the supervisor puts the original. */
export const ORIGINAL_FILE = 'original';

/**
 * Calls on names that were made a moment ago, and reads of a few pages just written, are answered from memory: they
 * are made in place up to this length. The trips through libuv's pool cost 0.85 ms CPU per picture, the calls 0.3.
 */
const READ_IN_PLACE_BYTES_MAX = 512 * 1024;
const readAway = promisify(read);

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
    createFolder: (name) => {
      invariant(/^[\w-]+$/.test(name), `a job's folder is a plain name, not ${name}`);
      const path = join(directory, name);
      mkdirSync(path, { mode: 0o700 });
      if (uid !== undefined) chownSync(path, uid, uid);
      return path;
    },
    readOutput: (folder, index, bytesMax) => readOwned(join(directory, folder, `${index}`), uid, bytesMax),
    removeFolder: (name, outputs) => removeJobFolder(join(directory, name), outputs),
  };
}

async function readOwned(path: string, uid: number | undefined, bytesMax: number): Promise<Uint8Array> {
  const fd = openUnfollowed(path);
  try {
    const stat = fstatSync(fd);
    if (!stat.isFile() || (uid !== undefined && stat.uid !== uid)) {
      throw new UntrustedOutputError('the worker left something other than a file of its own as an output');
    }
    if (stat.size > bytesMax) {
      throw new UntrustedOutputError(`the worker left an output of ${stat.size} bytes, more than ${bytesMax}`);
    }
    const bytes = Buffer.allocUnsafeSlow(stat.size);
    for (let filled = 0; filled < bytes.length; ) {
      const count =
        bytes.length <= READ_IN_PLACE_BYTES_MAX
          ? readSync(fd, bytes, filled, bytes.length - filled, filled)
          : (await readAway(fd, bytes, filled, bytes.length - filled, filled)).bytesRead;
      if (count === 0) throw new UntrustedOutputError('the worker cut an output short while it was read');
      filled += count;
    }
    return bytes;
  } finally {
    closeSync(fd);
  }
}

function openUnfollowed(path: string): number {
  try {
    return openSync(path, constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK);
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    throw new UntrustedOutputError(`the worker's output cannot be opened: ${code}`, { cause: error });
  }
}

async function removeJobFolder(path: string, outputs: number): Promise<void> {
  try {
    unlinkSync(join(path, ORIGINAL_FILE));
    for (let index = 0; index < outputs; index += 1) unlinkSync(join(path, `${index}`));
    rmdirSync(path);
  } catch {
    // Outputs that were not made, or more than an honest worker leaves: that may take its time.
    await rm(path, { recursive: true, force: true });
  }
}
