import { mkdir, rm, stat } from 'node:fs/promises';
import { join, relative } from 'node:path';
import { type BackupFiles, describeObjects, type NamedObject, OBJECTS_PATH } from '../backup/index.ts';
import type { Queryable } from '../db/database.ts';
import { type FileDigest, hashFile, storeDurably } from '../db/embedded/backup-copy.ts';
import { placeOf } from '../drivers/fs-object-store/layout.ts';
import { ObjectMissingError, type ObjectStore } from '../ports/object-store.ts';

const BATCH = 500;
const DAMAGED_TOLD_MAX = 100;

export interface CopyRequest {
  readonly database: Queryable;
  readonly store: ObjectStore;
  readonly files: BackupFiles;
  /** The `data` folder of the backup. */
  readonly data: string;
  /** Copies also where links would do. */
  readonly copies: boolean;
}

/** Copies everything that a store lists, whether a row names it or not, into the objects of a backup. */
export class ObjectsCopy {
  readonly #request: CopyRequest;
  readonly #damaged: string[] = [];
  #links: boolean;
  #objects = 0;

  constructor(request: CopyRequest) {
    this.#request = request;
    this.#links = !request.copies && request.store.link !== undefined;
  }

  /** @returns how many, and keys of those that are not what their rows say (the first hundred). */
  async run(): Promise<{ objects: number; damaged: readonly string[] }> {
    const { database, store } = this.#request;
    let keys: string[] = [];
    const flush = async () => {
      const described = await describeObjects(database, keys);
      for (const key of keys) await this.#copy(key, described.get(key));
      keys = [];
    };
    for await (const { key } of store.list('')) if (keys.push(key) === BATCH) await flush();
    await flush();
    return { objects: this.#objects, damaged: this.#damaged };
  }

  async #copy(key: string, row: Pick<NamedObject, 'sha256' | 'bytes'> | undefined): Promise<void> {
    const { data, files } = this.#request;
    const { path, directory } = placeOf(join(data, OBJECTS_PATH), key);
    await mkdir(directory, { recursive: true, mode: 0o700 });
    const digest = await this.#digestOfCopy(key, path, row);
    if (!digest) return;
    const isWhole = !row || (digest.bytes === row.bytes && row.sha256.equals(digest.sha256));
    if (!isWhole && this.#damaged.length < DAMAGED_TOLD_MAX) this.#damaged.push(key);
    files.add(relative(data, path), digest);
    this.#objects += 1;
  }

  /** @returns undefined when it was removed before removals were held up, and listed all the same. */
  async #digestOfCopy(
    key: string,
    path: string,
    row: Pick<NamedObject, 'sha256' | 'bytes'> | undefined,
  ): Promise<FileDigest | undefined> {
    const { store } = this.#request;
    try {
      if (this.#links && (await this.#link(key, path))) {
        const { size } = await stat(path);
        // What is linked is believed to be what its row says if it is as long; to read it is the scrub's work.
        return row?.bytes === size ? row : await hashFile(path);
      }
      return await storeDurably((await store.read(key)).stream, path, 0o444);
    } catch (error) {
      if (error instanceof ObjectMissingError) return undefined;
      throw error;
    }
  }

  /** Whether it is a link now. On another file system a store copies without a word: then copies are made here, durably. */
  async #link(key: string, path: string): Promise<boolean> {
    await this.#request.store.link?.(key, path);
    if ((await stat(path)).nlink > 1) return true;
    this.#links = false;
    await rm(path);
    return false;
  }
}
