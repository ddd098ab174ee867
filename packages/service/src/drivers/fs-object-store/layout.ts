import { join } from 'node:path';
import { invariant } from '../../core/invariant.ts';
import { isObjectKey, isObjectPrefix } from '../../ports/object-store.ts';

/**
 * Where a key lies: `{tenant}/{kind}/{id}` is the file `objects/{tenant}/{kind}/+{c}/{id}`, where c is the last
 * character of the id. Ids begin with their time and end in random bits (base32), so that objects spread evenly over
 * 32 folders. Not more: puts at the same time share the fsync of their folder, a new folder costs an fsync of its
 * parent, and file systems hold millions of names in one folder. No key contains `+`, so a fan-out folder is never
 * mistaken for a part of a key.
 *
 * Unfinished writes are `staging/{id}`, on the same file system, because they are published by a hard link.
 */
export const OBJECTS_FOLDER = 'objects';
export const STAGING_FOLDER = 'staging';
const FAN_OUT_MARK = '+';

export interface ObjectPlace {
  readonly directory: string;
  readonly path: string;
}

/** The file of `key` below `root`, and the folder that holds it. */
export function placeOf(root: string, key: string): ObjectPlace {
  invariant(isObjectKey(key), `not an object key: ${JSON.stringify(key)}`);
  const slash = key.lastIndexOf('/');
  const directory = join(root, OBJECTS_FOLDER, key.slice(0, slash), `${FAN_OUT_MARK}${key.slice(-1)}`);
  return { directory, path: join(directory, key.slice(slash + 1)) };
}

/** The key of the file at `path` below the root of a store. */
export function keyOf(path: string): string {
  const parts = path.split('/').slice(1);
  return parts.filter((part) => !part.startsWith(FAN_OUT_MARK)).join('/');
}

/** The deepest folder that holds every key with `prefix`, and the part of the key that leads to it ('' or `…/`). */
export function startOf(root: string, prefix: string): { directory: string; keyPart: string } {
  invariant(isObjectPrefix(prefix), `not the beginning of an object key: ${JSON.stringify(prefix)}`);
  const keyPart = prefix.slice(0, prefix.lastIndexOf('/') + 1);
  return { directory: join(root, OBJECTS_FOLDER, keyPart), keyPart };
}

/** The part of the key that leads to the folder `name` inside the one that `keyPart` leads to. */
export function stepInto(keyPart: string, name: string): string {
  return name.startsWith(FAN_OUT_MARK) ? keyPart : `${keyPart}${name}/`;
}
