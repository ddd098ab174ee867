import {
  chmodSync,
  chownSync,
  closeSync,
  constants,
  createReadStream,
  fstatSync,
  mkdirSync,
  opendirSync,
  openSync,
  read,
  readSync,
  renameSync,
  unlinkSync,
} from 'node:fs';
import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import type { Readable } from 'node:stream';
import { promisify } from 'node:util';

/**
 * The folder in which a worker process lives. The worker may write inside its jobs' folders and nowhere else: the
 * scratch folder stays its supervisor's, so that a worker which turned against it can move no folder away and put a
 * link in its place. Links that it leaves as outputs are not followed.
 */
export interface Scratch {
  readonly directory: string;
  /**
   * A folder for one job, empty and open to the worker alone: one that was given back, or a new one. Whoever looks from
   * outside sees by its `name`, which no other job has, what the worker has in hand.
   */
  takeFolder(name: string): JobFolder;
  /**
   * Reads an output of at most `bytesMax` bytes.
   * @throws UntrustedOutputError when it is longer, or not a plain file that the worker itself wrote.
   */
  readOutput(folder: string, index: number, bytesMax: number): Promise<Buffer>;
  /**
   * Opens the pyramid that the worker has made in `folder`, which is read to its end or destroyed.
   * @throws UntrustedOutputError when it is longer than `bytesMax`, or not a plain file that the worker itself wrote.
   */
  openPyramid(folder: string, bytesMax: number): Readable;
  /** Takes back the folder of a job that had `outputs` outputs at most, and removes what the worker left in it. */
  giveBackFolder(folder: JobFolder, outputs: number): Promise<void>;
}

export interface JobFolder {
  /** Inside the scratch folder. */
  readonly name: string;
  readonly path: string;
}

/** The name, inside a job's folder, under which the supervisor puts the original. */
export const ORIGINAL_FILE = 'original';

/** The same for its pyramid; made by the worker where there is none yet. */
export const PYRAMID_FILE = 'pyramid';

/**
 * Calls on names that were made a moment ago, and reads of pages just written, are answered from memory: up to this
 * length they are made in place. Per picture they cost 0.3 ms CPU, and by way of libuv's pool 1.2; folders that are
 * used again save another 0.4.
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
  const spare: string[] = [];
  let given = 0;
  return {
    directory,
    takeFolder: (name) => {
      const path = join(directory, name);
      const used = spare.pop();
      if (used !== undefined) renameSync(used, path);
      else {
        mkdirSync(path, { mode: 0o700 });
        if (uid !== undefined) chownSync(path, uid, uid);
      }
      return { name, path };
    },
    readOutput: (folder, index, bytesMax) => readOwned(join(directory, folder, `${index}`), uid, bytesMax),
    openPyramid: (folder, bytesMax) => {
      const { fd, bytes } = openOwned(join(directory, folder, PYRAMID_FILE), uid, bytesMax);
      return createReadStream('', { fd, start: 0, end: bytes - 1 });
    },
    giveBackFolder: async (folder, outputs) => {
      if (!emptyFolder(folder.path, outputs)) return rm(folder.path, { recursive: true, force: true });
      given += 1;
      const path = join(directory, `spare-${given}`);
      renameSync(folder.path, path);
      spare.push(path);
    },
  };
}

async function readOwned(path: string, uid: number | undefined, bytesMax: number): Promise<Buffer> {
  const { fd, bytes: length } = openOwned(path, uid, bytesMax);
  try {
    const bytes = Buffer.allocUnsafeSlow(length);
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

function openOwned(path: string, uid: number | undefined, bytesMax: number): { fd: number; bytes: number } {
  const fd = openUnfollowed(path);
  try {
    const stat = fstatSync(fd);
    if (!stat.isFile() || (uid !== undefined && stat.uid !== uid)) {
      throw new UntrustedOutputError('the worker left something other than a file of its own as an output');
    }
    if (stat.size > bytesMax) {
      throw new UntrustedOutputError(`the worker left an output of ${stat.size} bytes, more than ${bytesMax}`);
    }
    return { fd, bytes: stat.size };
  } catch (error) {
    closeSync(fd);
    throw error;
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

/** Whether nothing was there but what an honest worker leaves; the rest may take its time. */
function emptyFolder(path: string, outputs: number): boolean {
  try {
    unlinkSync(join(path, ORIGINAL_FILE));
    for (let index = 0; index < outputs; index += 1) unlinkSync(join(path, `${index}`));
    const folder = opendirSync(path);
    const left = folder.readSync();
    folder.closeSync();
    return left === null;
  } catch {
    // The original was not put, or an output not made.
    return false;
  }
}
