import { open } from 'node:fs/promises';
import { pipeline } from 'node:stream/promises';
import type { ObjectStore } from './object-store.ts';

const READABLE = 0o444;

/**
 * Makes an object readable at a local path: linked where the store can, copied elsewhere. The file is readable by
 * whoever reaches its folder.
 */
export async function copyObjectTo(store: ObjectStore, key: string, path: string): Promise<void> {
  if (store.link) return store.link(key, path);
  const { stream } = await store.read(key);
  try {
    const file = await open(path, 'wx', READABLE);
    // A umask such as 077 takes the read bits of workers that are another user.
    await file.chmod(READABLE);
    await pipeline(stream, file.createWriteStream());
  } finally {
    stream.destroy();
  }
}
