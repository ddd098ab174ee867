import { constants } from 'node:fs';
import { copyFile } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import type { Readable } from 'node:stream';
import { type Clock, systemClock } from '../../core/clock.ts';
import { newId } from '../../core/ids.ts';
import { invariant } from '../../core/invariant.ts';
import {
  type ByteRange,
  type ObjectBody,
  type ObjectDigest,
  ObjectMissingError,
  type ObjectStat,
  type ObjectStore,
  OutOfSpaceError,
  type StreamWriteOptions,
} from '../../ports/object-store.ts';
import { BatchedSource } from './batched-source.ts';
import { DurableDirectories, makeRoot } from './durable-directories.ts';
import { closeFile, fstatFile, isErrno, linkFile, openFile, unlinkFile, writeAll } from './file-calls.ts';
import { OBJECTS_FOLDER, placeOf, STAGING_FOLDER } from './layout.ts';
import { listObjects, statObject } from './list-objects.ts';
import { bodyOf } from './object-body.ts';
import { Staging } from './staging.ts';

/** Unlinks in flight: half of libuv's four threads stay free for readers. */
const REMOVALS_AT_ONCE = 2;

export interface FsObjectStoreOptions {
  /** The store's own folder, made when missing. Several processes of one machine may share it. */
  readonly directory: string;
  readonly clock?: Clock;
}

/**
 * Objects as files below a folder; the layout is told in layout.ts. Content types are not kept: they are rows. The
 * folder's file system must have hard links.
 * @throws what {@link ObjectStore.check} throws when the folder cannot be used, except for want of space.
 */
export async function openFsObjectStore(options: FsObjectStoreOptions): Promise<ObjectStore> {
  const root = resolve(options.directory);
  const store = new FsObjectStore(root, options.clock ?? systemClock);
  await store.prepare();
  return store;
}

class FsObjectStore implements ObjectStore {
  readonly #root: string;
  readonly #clock: Clock;
  readonly #directories: DurableDirectories;
  readonly #staging: Staging;

  constructor(root: string, clock: Clock) {
    this.#root = root;
    this.#clock = clock;
    this.#directories = new DurableDirectories(root);
    this.#staging = new Staging(join(root, STAGING_FOLDER), this.#directories, clock);
  }

  async prepare(): Promise<void> {
    await this.#namingFolder(async () => {
      await makeRoot(this.#root);
      await this.#directories.make(join(this.#root, OBJECTS_FOLDER));
      await this.#directories.make(join(this.#root, STAGING_FOLDER));
    });
    try {
      await this.check();
    } catch (error) {
      // A full disk must not keep a node from delivering what it holds; readiness reports it.
      if (!(error instanceof Error && error.cause instanceof OutOfSpaceError)) throw error;
    }
  }

  async put(key: string, body: Uint8Array): Promise<void> {
    await this.#staging.write(placeOf(this.#root, key), (fd) => writeAll(fd, body.byteLength === 0 ? [] : [body]));
  }

  async putStream(key: string, source: Readable, options: StreamWriteOptions): Promise<ObjectDigest> {
    const place = placeOf(this.#root, key);
    const batches = new BatchedSource(source, options);
    try {
      return await this.#staging.write(place, (fd) => batches.writeTo(fd));
    } catch (error) {
      batches.fail(error);
      throw error;
    }
  }

  async read(key: string, range?: ByteRange): Promise<ObjectBody> {
    const fd = await this.#openToRead(key);
    let first: number;
    let bytes: number;
    try {
      const { size } = await fstatFile(fd);
      ({ first, bytes } = resolveRange(range, size));
    } catch (error) {
      closeFile(fd);
      throw error;
    }
    return { bytes, stream: await bodyOf(fd, first, bytes) };
  }

  async stat(key: string): Promise<ObjectStat | undefined> {
    return await statObject(placeOf(this.#root, key).path);
  }

  async remove(keys: readonly string[]): Promise<void> {
    const left = keys.map((key) => placeOf(this.#root, key));
    const changed = new Set<string>();
    const removeNext = async (): Promise<void> => {
      for (let place = left.pop(); place !== undefined; place = left.pop()) {
        if (await unlinkIfThere(place.path)) changed.add(place.directory);
      }
    };
    await Promise.all(Array.from({ length: REMOVALS_AT_ONCE }, removeNext));
    for (const directory of changed) await this.#directories.sync(directory);
  }

  list(prefix: string): AsyncIterable<ObjectStat & { readonly key: string }> {
    return listObjects(this.#root, prefix);
  }

  /** A hard link; a copy (copy-on-write where the file system can) for another file system or too many links. */
  async link(key: string, path: string): Promise<void> {
    const source = placeOf(this.#root, key).path;
    try {
      await linkFile(source, path);
    } catch (error) {
      if (isErrno(error, 'ENOENT') && (await statObject(source)) === undefined) throw missing(key, error);
      if (!isErrno(error, 'EXDEV', 'EMLINK', 'EPERM')) throw error;
      await copyFile(source, path, constants.COPYFILE_EXCL | constants.COPYFILE_FICLONE);
    }
  }

  async sweepUnfinished(idleMsMin: number): Promise<number> {
    return await this.#staging.sweep(idleMsMin);
  }

  /** Goes the way of an object, within the staging folder: create, write, fsync, link, fsync, unlink. */
  async check(): Promise<void> {
    const directory = join(this.#root, STAGING_FOLDER);
    const path = join(directory, newId('object', this.#clock));
    await this.#namingFolder(async () => {
      await this.#staging.write({ directory, path }, (fd) => writeAll(fd, [Buffer.from('probe')]));
      await unlinkFile(path);
    });
  }

  async #openToRead(key: string): Promise<number> {
    try {
      return await openFile(placeOf(this.#root, key).path, 'r');
    } catch (error) {
      throw isErrno(error, 'ENOENT', 'ENOTDIR') ? missing(key, error) : error;
    }
  }

  async #namingFolder(work: () => Promise<void>): Promise<void> {
    try {
      await work();
    } catch (error) {
      const reason = error instanceof Error ? error.message : String(error);
      throw new Error(`the object folder ${this.#root} cannot be used: ${reason}`, { cause: error });
    }
  }
}

function resolveRange(range: ByteRange | undefined, size: number): { first: number; bytes: number } {
  if (range === undefined) return { first: 0, bytes: size };
  const { first, last } = range;
  const inside = Number.isSafeInteger(first) && Number.isSafeInteger(last) && 0 <= first && first <= last;
  invariant(inside && last < size, `the range ${first}-${last} is not within an object of ${size} bytes`);
  return { first, bytes: last - first + 1 };
}

async function unlinkIfThere(path: string): Promise<boolean> {
  try {
    await unlinkFile(path);
    return true;
  } catch (error) {
    if (isErrno(error, 'ENOENT', 'ENOTDIR')) return false;
    throw error;
  }
}

function missing(key: string, cause: unknown): ObjectMissingError {
  return new ObjectMissingError(`nothing is stored under ${key}`, { cause });
}
