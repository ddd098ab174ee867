import type { Readable } from 'node:stream';

/** Somewhere that may have a copy of an object: another store, or a backup. */
export interface ObjectSource {
  /** How it is called in messages. */
  readonly name: string;
  /** The bytes under a key, or undefined when nothing is there. They are not believed before they are hashed. */
  open(key: string): Promise<Readable | undefined>;
}
