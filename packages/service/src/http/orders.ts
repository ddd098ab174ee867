import { AdaptiveLimit } from '../core/adaptive-limit.ts';
import { ByteSemaphore } from '../core/byte-semaphore.ts';
import { PlacesTakenError, TenantPlaces } from '../core/tenant-places.ts';
import { type Delivery, type Hurried, hurryRendition, type Lookup, orderForLater } from '../images/index.ts';
import type { Lane } from '../jobs/index.ts';
import { predictJob, readTransformation } from '../renditions/index.ts';
import type { Deliveries } from './deliveries.ts';
import type { HttpDeps } from './deps.ts';
import { ProblemError } from './problem.ts';
import type { Shedding } from './shedding.ts';

/** Of the pool's 16 connections, the rest is for who reads, and for the workers, who must bring the orders to an end. */
const ORDERS_AT_ONCE = 4;
/** Each takes some 10 ms: whoever comes later would wait for more than two seconds to be told that there is no room. */
const ORDERS_MAX = 256;

/** Between two looks of a tenant whose orders are refused: for most of what is asked they only precede a 503. */
const LOOKS_REST_MS = 20;

/**
 * A tenant's better forms that may wait to be made. With the efforts of a batch a core makes as many in an hour, and
 * what is not ordered now is ordered by a later request. Counting them is a part of each such order.
 */
const LATER_MAX = 1_000;

/**
 * Orders of renditions that requests wait for. However many of this node's requests want the same one, it is ordered
 * once and looked at once when it has ended; other nodes' orders meet this one at the original's lock. No request's
 * end ends what others share.
 */
export class Orders {
  readonly #deps: Pick<HttpDeps, 'database' | 'clock' | 'limits' | 'hint' | 'reserve'>;
  readonly #deliveries: Deliveries;
  readonly #shedding: Pick<Shedding, 'refuse' | 'noteLiveWait'>;
  /** Renditions of a tenant that may be pending: as many as are made in half the time for which a request waits. */
  readonly #pending: AdaptiveLimit;
  /** Every order of a tenant charges one account: those at once hold a connection each while they wait for each other. */
  readonly #places = new TenantPlaces('orders', ORDERS_MAX);
  readonly #turns = new ByteSemaphore({ bytesMax: ORDERS_AT_ONCE, waitersMax: ORDERS_MAX });
  readonly #ordered = new Map<string, Promise<Hurried | undefined>>();
  /** By order that is under way: fires when who asked for it has left. */
  readonly #askers = new Map<string, Set<AbortSignal>>();
  /** By tenant: renditions that this node's requests wait for, and how many requests. */
  readonly #awaited = new Map<string, Map<string, number>>();
  readonly #looks = new Map<string, Promise<Lookup<Delivery>>>();

  constructor(
    deps: Pick<HttpDeps, 'database' | 'clock' | 'limits' | 'hint' | 'reserve'>,
    deliveries: Deliveries,
    shedding: Pick<Shedding, 'refuse' | 'noteLiveWait'>,
  ) {
    this.#deps = deps;
    this.#deliveries = deliveries;
    this.#shedding = shedding;
    this.#pending = new AdaptiveLimit({ limitMax: deps.limits.pendingMax, longMs: deps.limits.waitMs / 2 });
  }

  /**
   * Sees to it that the rendition is made soon.
   * @param gone fires when who asks has left: what nobody waits for by the time of its turn is not ordered.
   * @returns undefined when the original is gone meanwhile.
   * @throws ProblemError when it can never be made here, PlacesTakenError when too many are pending.
   */
  order(tenantId: string, delivery: Delivery, transformation: string, gone: AbortSignal): Promise<Hurried | undefined> {
    const key = `${tenantId} ${delivery.originalId} ${transformation}`;
    const askers = this.#askers.get(key) ?? new Set();
    this.#askers.set(key, askers.add(gone));
    return shared(this.#ordered, key, () =>
      this.#order(tenantId, delivery, transformation, askers).finally(() => this.#askers.delete(key)),
    );
  }

  /**
   * Sees to it that the rendition is made when there is time: a better form of what somebody has already.
   * @throws ProblemError when it can never be made here, PlacesTakenError when too many are pending.
   */
  async orderLater(tenantId: string, delivery: Delivery, transformation: string): Promise<void> {
    const { database, clock, limits, hint } = this.#deps;
    refuseHeavy(delivery, transformation, limits.jobBytesMax, 'batch');
    this.#shedding.refuse('batch');
    this.#refuseBeforehand(tenantId);
    await this.#inTurn(tenantId, () => orderForLater(database, clock, tenantId, delivery, transformation, LATER_MAX));
    hint('jobs');
  }

  /** What stands at the URL after something is known to have happened to it; who hears of it together looks together. */
  lookAnew(tenantId: string, imageId: string, transformation: string): Promise<Lookup<Delivery>> {
    const key = `${tenantId} ${imageId} ${transformation}`;
    return shared(this.#looks, key, () => this.#deliveries.lookAnew(tenantId, imageId, transformation));
  }

  /** Runs a wait for a rendition; until it ends, the rendition counts as pending without a look at the database. */
  async awaiting<T>(tenantId: string, renditionId: string, wait: () => Promise<T>): Promise<T> {
    const awaited = this.#awaited.get(tenantId) ?? new Map<string, number>();
    this.#awaited.set(tenantId, awaited.set(renditionId, (awaited.get(renditionId) ?? 0) + 1));
    try {
      return await wait();
    } finally {
      const left = (awaited.get(renditionId) ?? 0) - 1;
      if (left > 0) awaited.set(renditionId, left);
      else awaited.delete(renditionId);
      if (awaited.size === 0 && this.#awaited.get(tenantId) === awaited) this.#awaited.delete(tenantId);
    }
  }

  /** A request has waited this long for what it ordered, whether in vain or not. */
  noteWait(tenantId: string, waitedMs: number): void {
    this.#shedding.noteLiveWait(waitedMs);
    this.#pending.note(waitedMs, this.#awaited.get(tenantId)?.size ?? 0);
  }

  /** How long looks at what this tenant's requests ask for are to rest after each. */
  looksRestMs(tenantId: string): number {
    return this.#pendingOf(tenantId) >= this.#pending.limit ? LOOKS_REST_MS : 0;
  }

  /** What is known here to be too much needs no transaction to be refused: at four times the capacity most of it is. */
  #refuseBeforehand(tenantId: string): void {
    const actual = this.#pendingOf(tenantId);
    const { limit } = this.#pending;
    if (actual >= limit) throw new PlacesTakenError({ name: 'pendingRenditionsOfTenantMax', limit, actual });
  }

  #pendingOf(tenantId: string): number {
    return this.#awaited.get(tenantId)?.size ?? 0;
  }

  async #order(
    tenantId: string,
    delivery: Delivery,
    transformation: string,
    askers: ReadonlySet<AbortSignal>,
  ): Promise<Hurried | undefined> {
    const { database, clock, limits, hint, reserve } = this.#deps;
    const isNew = !delivery.rendition;
    if (isNew) {
      refuseHeavy(delivery, transformation, limits.jobBytesMax, 'live');
      this.#shedding.refuse('live');
      this.#refuseBeforehand(tenantId);
    }
    const hurried = await this.#inTurn(tenantId, () => {
      if ([...askers].every(({ aborted }) => aborted)) throw new ProblemError('deadline_passed');
      return hurryRendition(database, clock, tenantId, delivery, transformation, {
        pendingMax: this.#pending.limit,
        reservation: isNew ? reserve() : undefined,
      });
    });
    if (hurried && !hurried.isRunning) hint('jobs');
    return hurried;
  }

  async #inTurn<T>(tenantId: string, order: () => Promise<T>): Promise<T> {
    const leave = this.#places.take(tenantId);
    try {
      const done = await this.#turns.acquire(1);
      try {
        return await order();
      } finally {
        done();
      }
    } finally {
      leave();
    }
  }
}

/** One promise for all who ask while it is under way. */
function shared<T>(under: Map<string, Promise<T>>, key: string, begin: () => Promise<T>): Promise<T> {
  const standing = under.get(key);
  if (standing) return standing;
  const begun = begin().finally(() => under.delete(key));
  under.set(key, begun);
  return begun;
}

/** What could never be rendered here is refused at once, and leaves no row. */
function refuseHeavy({ source }: Delivery, transformation: string, jobBytesMax: number, lane: Lane): void {
  const { bytes } = predictJob(source, [readTransformation(transformation)], { lane });
  if (bytes <= jobBytesMax) return;
  throw new ProblemError('rendition_failed', {
    detail: 'To make it would take more memory than a picture may.',
    bound: { name: 'jobBytesMax', limit: jobBytesMax, actual: bytes },
  });
}
