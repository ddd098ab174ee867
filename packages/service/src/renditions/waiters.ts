import { TenantPlaces } from '../core/tenant-places.ts';
import type { Queryable } from '../db/database.ts';
import type { Rendition } from './model.ts';
import { selectEnded } from './waiters.sql.ts';

interface Waited {
  readonly tenantId: string;
  readonly wake: Set<(ended?: Rendition) => void>;
}

const POLL_MS = 250;
/** Enough for what ends on one node while a request goes from its look at the database to its wait. */
const SETTLED_MAX = 1_000;

/**
 * Requests that wait for renditions. None holds a database connection: this node's own workers wake them at once, and
 * for what other nodes make, one query every 250 ms asks for all that are waited for.
 */
export class RenditionWaiters {
  readonly #database: Queryable;
  readonly #places: TenantPlaces;
  readonly #waited = new Map<string, Waited>();
  /** What ended here a moment ago and was waited for by nobody. */
  readonly #settled = new Set<string>();
  #timer: NodeJS.Timeout | undefined;
  #closed = false;

  constructor(options: { readonly database: Queryable; readonly waitersMax: number }) {
    this.#database = options.database;
    this.#places = new TenantPlaces('waiters', options.waitersMax);
  }

  /** How many requests wait now. */
  get count(): number {
    return this.#places.taken;
  }

  /**
   * Resolves when the rendition has ended, when the time is up, when the signal fires, or at shutdown.
   * @returns the rendition when it ended on this node while the caller waited; else undefined, and the caller looks again.
   * @throws PlacesTakenError at the bound of the node, or of the tenant.
   */
  async wait(
    tenantId: string,
    renditionId: string,
    msMax: number,
    signal?: AbortSignal,
  ): Promise<Rendition | undefined> {
    if (this.#closed || signal?.aborted || msMax <= 0) return undefined;
    // It ended between the caller's look and this call. Told once: the caller's next look finds out.
    if (this.#settled.delete(renditionId)) return undefined;
    const giveBack = this.#places.take(tenantId);
    const waited = this.#waited.get(renditionId) ?? { tenantId, wake: new Set() };
    this.#waited.set(renditionId, waited);
    this.#schedule();
    const { promise, resolve } = Promise.withResolvers<Rendition | undefined>();
    const timer = setTimeout(resolve, msMax, undefined);
    const onAbort = () => resolve(undefined);
    signal?.addEventListener('abort', onAbort, { once: true });
    waited.wake.add(resolve);
    try {
      return await promise;
    } finally {
      giveBack();
      clearTimeout(timer);
      signal?.removeEventListener('abort', onAbort);
      waited.wake.delete(resolve);
      if (waited.wake.size === 0) this.#waited.delete(renditionId);
    }
  }

  /** These renditions have ended here, and are committed. */
  settle(ended: Iterable<Rendition>): void {
    for (const rendition of ended) {
      if (!this.#wake(rendition.renditionId, rendition)) this.#keep(rendition.renditionId);
    }
  }

  /** @returns whether anybody waited. */
  #wake(renditionId: string, ended?: Rendition): boolean {
    const waited = this.#waited.get(renditionId);
    if (waited) for (const wake of waited.wake) wake(ended);
    return waited !== undefined;
  }

  #keep(renditionId: string): void {
    this.#settled.add(renditionId);
    const [oldest] = this.#settled;
    if (this.#settled.size > SETTLED_MAX && oldest !== undefined) this.#settled.delete(oldest);
  }

  /** Everybody looks again, and nobody waits any more. */
  close(): void {
    this.#closed = true;
    clearTimeout(this.#timer);
    for (const id of [...this.#waited.keys()]) this.#wake(id);
  }

  #schedule(): void {
    if (this.#timer || this.#closed || this.#waited.size === 0) return;
    this.#timer = setTimeout(() => {
      this.#poll().finally(() => {
        this.#timer = undefined;
        this.#schedule();
      });
    }, POLL_MS);
  }

  async #poll(): Promise<void> {
    const waited = [...this.#waited];
    const values = [waited.map(([, { tenantId }]) => tenantId), waited.map(([id]) => id)];
    // A database that is away leaves the waiters waiting; their time ends as it would have.
    const rows = await this.#database.query<{ rendition_id: string }>(selectEnded, values).catch(() => []);
    for (const { rendition_id } of rows) this.#wake(rendition_id);
  }
}
