import { LRUCache } from 'lru-cache';
import type { Deliverable } from './deliverable.ts';

const ENTRIES_MAX = 50_000;
/** How long another node's deletion may go unnoticed here. */
const STALE_MS_MAX = 5_000;

/** Where ready renditions lie: immutable facts, so a warm node delivers without asking the database. */
export class Deliveries {
  readonly #entries = new LRUCache<string, Deliverable>({ max: ENTRIES_MAX, ttl: STALE_MS_MAX });
  readonly #transformations = new LRUCache<string, Set<string>>({ max: ENTRIES_MAX });

  get(tenantId: string, imageId: string, transformation: string): Deliverable | undefined {
    return this.#entries.get(`${tenantId} ${imageId} ${transformation}`);
  }

  set(tenantId: string, imageId: string, transformation: string, object: Deliverable): void {
    const image = `${tenantId} ${imageId}`;
    this.#entries.set(`${image} ${transformation}`, object);
    const known = this.#transformations.get(image) ?? new Set();
    this.#transformations.set(image, known.add(transformation));
  }

  /** Forgets every rendition of a deleted image. */
  forget(tenantId: string, imageId: string): void {
    const image = `${tenantId} ${imageId}`;
    for (const transformation of this.#transformations.get(image) ?? [])
      this.#entries.delete(`${image} ${transformation}`);
    this.#transformations.delete(image);
  }
}
