import { createHash, randomBytes } from 'node:crypto';
import { Readable } from 'node:stream';
import { buffer } from 'node:stream/consumers';
import { systemClock } from '../core/clock.ts';
import { newId } from '../core/ids.ts';
import type { ObjectStore } from './object-store.ts';

/** What the parts of the object store's contract suite share: fresh keys, sources of bytes, and ways to look. */
export type Store = () => ObjectStore;

export const MIB = 1024 * 1024;

export function freshKey(kind = 'original', tenant = 'ten_contract'): string {
  return `${tenant}/${kind}/${newId('object', systemClock)}`;
}

export async function bytesOf(store: ObjectStore, key: string): Promise<Buffer> {
  return await buffer((await store.read(key)).stream);
}

export async function keysBelow(store: ObjectStore, prefix: string): Promise<string[]> {
  const keys: string[] = [];
  for await (const { key } of store.list(prefix)) keys.push(key);
  return keys.sort();
}

/** Yields `bytes` random bytes in chunks of uneven sizes, as a network does, and keeps their digest. */
export function randomSource(bytes: number): { source: Readable; sha256: () => string; offered: () => number } {
  const hash = createHash('sha256');
  let offered = 0;
  function* chunks() {
    for (let turn = 0; offered < bytes; turn += 1) {
      const chunk = randomBytes(Math.min(bytes - offered, ((turn * 7919) % 90_000) + 1));
      hash.update(chunk);
      offered += chunk.length;
      yield chunk;
    }
  }
  return {
    source: Readable.from(chunks(), { objectMode: false }),
    sha256: () => hash.digest('hex'),
    offered: () => offered,
  };
}
