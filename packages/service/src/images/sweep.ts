import type { Clock } from '../core/clock.ts';
import type { Queryable } from '../db/database.ts';
import { statement } from '../db/statement.ts';
import type { ObjectStore } from '../ports/object-store.ts';

const BATCH = 500;
/** Objects of the system itself, such as anchors of the log, are named by no row of a tenant's. */
const SYSTEM_PREFIX = 'system/';

const selectUnreferenced = statement(
  'select_unreferenced_objects',
  `SELECT k.object_key FROM unnest($1::text[]) AS k (object_key)
   WHERE NOT EXISTS (SELECT FROM originals o WHERE o.object_key = k.object_key)
     AND NOT EXISTS (SELECT FROM renditions r WHERE r.object_key = k.object_key)
     AND NOT EXISTS (SELECT FROM pyramids p WHERE p.object_key = k.object_key)
     AND NOT EXISTS (SELECT FROM upload_parts u WHERE u.object_key = k.object_key)
     AND NOT EXISTS (SELECT FROM uploads u WHERE u.object_key = k.object_key)`,
);

/** Longer than any object waits between its write and its row's commit, be the queue before the probe as long as it may. */
const SUSPECT_MS_MIN = 20 * 60 * 1000;
/** What does not fit is suspected by a later sweep. */
const SUSPECTS_MAX = 100_000;

/**
 * Removes objects that no row points at: what a crash left between an object's write and its row's commit. Keys are
 * fresh, so an object older than the longest upload or lease can no longer become referenced. How old it is, the
 * store's times tell; but a clock that was set may make an object of this second look like yesterday's, so nothing is
 * removed that this process has not known as unreferenced for a while, by a clock that cannot be set.
 */
export class ObjectSweep {
  readonly #database: Queryable;
  readonly #store: ObjectStore;
  readonly #clock: Clock;
  /** Unreferenced objects, and when they were first seen to be. */
  #suspects: ReadonlyMap<string, number> = new Map();

  constructor(deps: { readonly database: Queryable; readonly store: ObjectStore; readonly clock: Clock }) {
    this.#database = deps.database;
    this.#store = deps.store;
    this.#clock = deps.clock;
  }

  /** @returns how many were removed, of those older than `ageMsMin`, before `signal` broke it off. */
  async sweep(ageMsMin: number, signal?: AbortSignal): Promise<number> {
    const suspects = new Map<string, number>();
    let removed = 0;
    let batch: string[] = [];
    const flush = async () => {
      const rows = await this.#database.query<{ object_key: string }>(selectUnreferenced, [batch]);
      batch = [];
      removed += await this.#remove(
        rows.map((row) => row.object_key),
        suspects,
      );
    };
    for await (const object of this.#store.list('')) {
      if (signal?.aborted) return removed;
      if (object.key.startsWith(SYSTEM_PREFIX) || object.changedAtMs > this.#clock.now() - ageMsMin) continue;
      batch.push(object.key);
      if (batch.length === BATCH) await flush();
    }
    if (batch.length > 0) await flush();
    this.#suspects = suspects;
    return removed;
  }

  /** Removes those that have been suspects for long; the others become or stay suspects. */
  async #remove(keys: readonly string[], suspects: Map<string, number>): Promise<number> {
    const now = this.#clock.monotonic();
    const due = new Set(keys.filter((key) => now - (this.#suspects.get(key) ?? now) >= SUSPECT_MS_MIN));
    for (const key of keys) {
      if (!due.has(key) && suspects.size < SUSPECTS_MAX) suspects.set(key, this.#suspects.get(key) ?? now);
    }
    if (due.size > 0) await this.#store.remove([...due]);
    return due.size;
  }
}
