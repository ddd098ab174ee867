import type { Dirent, Stats } from 'node:fs';
import { opendir } from 'node:fs/promises';
import { join } from 'node:path';
import type { ObjectStat } from '../../ports/object-store.ts';
import { isErrno, statFile } from './file-calls.ts';
import { startOf, stepInto } from './layout.ts';

type Listed = ObjectStat & { readonly key: string };

/** Names whose stat calls are made together; bounds memory too, since folders are read as they are walked. */
const BATCH = 64;

/** Every object below `root` whose key begins with `prefix`; what vanishes meanwhile is left out. */
export async function* listObjects(root: string, prefix: string): AsyncGenerator<Listed> {
  const start = startOf(root, prefix);
  yield* walk(start.directory, start.keyPart, prefix);
}

async function* walk(directory: string, keyPart: string, prefix: string): AsyncGenerator<Listed> {
  let names: string[] = [];
  for await (const entry of entriesOf(directory)) {
    if (entry.isDirectory()) {
      const below = stepInto(keyPart, entry.name);
      if (below.startsWith(prefix) || prefix.startsWith(below)) {
        yield* walk(join(directory, entry.name), below, prefix);
      }
    } else if (entry.isFile() && (keyPart + entry.name).startsWith(prefix)) {
      names.push(entry.name);
      if (names.length === BATCH) {
        yield* await statAll(directory, keyPart, names);
        names = [];
      }
    }
  }
  yield* await statAll(directory, keyPart, names);
}

async function* entriesOf(directory: string): AsyncGenerator<Dirent> {
  try {
    yield* await opendir(directory);
  } catch (error) {
    if (!isErrno(error, 'ENOENT', 'ENOTDIR')) throw error;
  }
}

async function statAll(directory: string, keyPart: string, names: readonly string[]): Promise<Listed[]> {
  const found = await Promise.all(
    names.map(async (name) => {
      const stat = await statObject(join(directory, name));
      return stat === undefined ? [] : [{ key: keyPart + name, ...stat }];
    }),
  );
  return found.flat();
}

/** Length and time of the file at `path`, or undefined when there is none. */
export async function statObject(path: string): Promise<ObjectStat | undefined> {
  let stats: Stats;
  try {
    stats = await statFile(path);
  } catch (error) {
    if (isErrno(error, 'ENOENT', 'ENOTDIR')) return undefined;
    throw error;
  }
  return { bytes: stats.size, changedAtMs: Math.trunc(stats.mtimeMs) };
}
