import type { Database } from '../db/database.ts';
import { type Delivery, findDeliveries, findDelivery } from './delivery.ts';
import type { Lookup } from './read.ts';

/** Of the pool's 16 connections; most of the rest belong to orders and to the workers that end them. */
const LOOKS_AT_ONCE = 3;
/** One look of so many takes less than ten times as long as one of one. */
const TOGETHER_MAX = 64;

interface Asked {
  readonly imageId: string;
  readonly transformation: string;
  readonly resolve: (lookup: Lookup<Delivery>) => void;
  readonly reject: (error: unknown) => void;
}

/**
 * Looks at deliveries. The first of a tenant goes alone and at once; who comes while that is under way waits for its end
 * and goes with all others of his tenant that wait. So a flood of URLs that nobody knows costs a transaction for many
 * instead of for each, the more the slower the database is, and takes few connections from the others. A tenant may be
 * made to rest between two looks, so that more go together.
 */
export class DeliveryLooks {
  readonly #database: Pick<Database, 'asTenant'>;
  readonly #restMs: (tenantId: string) => number;
  /** By tenant, who has waited longest first: a tenant that floods waits behind his own. */
  readonly #waiting = new Map<string, Asked[]>();
  readonly #running = new Set<string>();
  readonly #resting = new Set<string>();

  /** @param restMs how long a tenant's looks rest after one of them, asked at its end. */
  constructor(database: Pick<Database, 'asTenant'>, restMs: (tenantId: string) => number = () => 0) {
    this.#database = database;
    this.#restMs = restMs;
  }

  /** As `findDelivery`. */
  find(tenantId: string, imageId: string, transformation: string): Promise<Lookup<Delivery>> {
    const { promise, resolve, reject } = Promise.withResolvers<Lookup<Delivery>>();
    const waiting = this.#waiting.get(tenantId) ?? [];
    waiting.push({ imageId, transformation, resolve, reject });
    this.#waiting.set(tenantId, waiting);
    this.#next();
    return promise;
  }

  #next(): void {
    for (const [tenantId, waiting] of this.#waiting) {
      if (this.#running.size === LOOKS_AT_ONCE) return;
      if (this.#running.has(tenantId) || this.#resting.has(tenantId)) continue;
      this.#running.add(tenantId);
      const together = waiting.splice(0, TOGETHER_MAX);
      // What is left goes behind the others.
      this.#waiting.delete(tenantId);
      if (waiting.length > 0) this.#waiting.set(tenantId, waiting);
      void this.#look(tenantId, together);
    }
  }

  async #look(tenantId: string, together: readonly Asked[]): Promise<void> {
    try {
      const lookups = await this.#find(tenantId, together);
      for (const [place, asked] of together.entries()) {
        const lookup = lookups[place];
        if (lookup) asked.resolve(lookup);
      }
    } catch (error) {
      for (const asked of together) asked.reject(error);
    } finally {
      this.#running.delete(tenantId);
      this.#rest(tenantId);
      this.#next();
    }
  }

  #rest(tenantId: string): void {
    const restMs = this.#restMs(tenantId);
    if (restMs === 0) return;
    this.#resting.add(tenantId);
    setTimeout(() => {
      this.#resting.delete(tenantId);
      this.#next();
    }, restMs);
  }

  async #find(tenantId: string, together: readonly Asked[]): Promise<Lookup<Delivery>[]> {
    const [only, ...others] = together;
    if (!only || others.length > 0) return findDeliveries(this.#database, tenantId, together);
    return [await findDelivery(this.#database, tenantId, only.imageId, only.transformation)];
  }
}
