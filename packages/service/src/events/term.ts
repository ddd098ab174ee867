import type { Clock } from '../core/clock.ts';
import type { Database } from '../db/database.ts';
import { AnchorKeeper, type Anchors } from './anchor.ts';
import { findUnsignedTenants, signHeads } from './checkpoint.ts';
import {
  acquireSealerLease,
  type FencedHead,
  type LogHead,
  releaseSealerLease,
  renewSealerLease,
  type SealerLease,
} from './lease.ts';
import { BATCH_EVENTS_MAX } from './model.ts';
import { lookAtInbox, type SealedBatch, sealBatch, type TenantHead } from './seal.ts';
import type { SealingKey } from './sealing-key.ts';

export interface SealerDeps {
  readonly database: Database;
  readonly clock: Clock;
  readonly key: SealingKey;
  readonly anchors: Anchors;
  /** Names this process as the holder of the lease; must differ between processes. */
  readonly nodeId: string;
  readonly onError: (error: Error) => void;
  /** After a node vanished, events wait this long for another sealer. Default 10 s. */
  readonly leaseMs?: number;
}

export const POLL_MS = 1_000;
/** The least time between two looks at the inbox. */
export const COALESCE_MS = 50;
/** To which it grows while every look finds something: a batch costs some 3 ms CPU, whatever the number of events. */
const REST_MS_MAX = 200;
const SIGN_MS_MIN = 1_000;
const ANCHOR_MS_MIN = 1_000;
const LEASE_MS = 10_000;
const TENANTS_SIGNED_MAX = 500;
const UNSIGNED_TENANTS_MAX = 100_000;

/** What one sealer does from the day it gets the lease until it loses or returns it. */
export class Term {
  readonly #deps: SealerDeps;
  readonly #leaseMs: number;
  readonly #lease: SealerLease;
  readonly #keeper: AnchorKeeper;
  readonly #unsigned: Set<string>;
  #log: LogHead & { readonly at: Date };
  #anchoredPosition: number;
  #headsToAnchor = new Map<string, TenantHead>();
  #anchoring: Promise<void> | undefined;
  #renewedAtMs: number;
  #signedAtMs = Number.NEGATIVE_INFINITY;
  #anchoredAtMs = Number.NEGATIVE_INFINITY;
  #isMoreReady = false;
  #waitMs = COALESCE_MS;
  #restMs = COALESCE_MS;

  private constructor(deps: SealerDeps, start: TermStart) {
    this.#deps = deps;
    this.#leaseMs = deps.leaseMs ?? LEASE_MS;
    this.#lease = start.lease;
    this.#keeper = start.keeper;
    this.#unsigned = new Set(start.unsigned);
    this.#log = { ...start.head, at: start.head.now };
    this.#anchoredPosition = start.keeper.has(start.head.logPosition) ? start.head.logPosition : 0;
    this.#renewedAtMs = deps.clock.monotonic();
  }

  /** Takes the lease; undefined while another holds it. */
  static async begin(deps: SealerDeps): Promise<Term | undefined> {
    const acquired = await acquireSealerLease(deps.database, deps.nodeId, deps.leaseMs ?? LEASE_MS);
    if (!acquired) return undefined;
    const keeper = new AnchorKeeper(deps);
    // An object store that is away must not stop the log.
    await keeper.load().catch(deps.onError);
    const unsigned = await findUnsignedTenants(deps.database, UNSIGNED_TENANTS_MAX);
    return new Term(deps, { ...acquired, keeper, unsigned });
  }

  /** How long to let events gather before the next work, hinted at or not. */
  get restMs(): number {
    return this.#restMs;
  }

  /**
   * Seals one batch if something is ready, and signs, anchors and renews what is due.
   * @returns after how many milliseconds there is something to do without a hint.
   * @throws DeposedError when the lease has passed to another.
   */
  async work(): Promise<number> {
    const nextMs = await this.#seal();
    await this.#signWhenDue();
    this.#anchorWhenDue();
    if (this.#elapsedMs(this.#renewedAtMs) > this.#leaseMs / 3) {
      await renewSealerLease(this.#deps.database, this.#lease, this.#leaseMs);
      this.#renewedAtMs = this.#deps.clock.monotonic();
    }
    const signMs = this.#unsigned.size > 0 ? SIGN_MS_MIN - this.#elapsedMs(this.#signedAtMs) : POLL_MS;
    const isAnchorDue = this.#isAnchorBehind() && !this.#anchoring;
    const anchorMs = isAnchorDue ? ANCHOR_MS_MIN - this.#elapsedMs(this.#anchoredAtMs) : POLL_MS;
    return Math.max(0, Math.min(nextMs, signMs, anchorMs));
  }

  /** Seals, signs and anchors what is there, and gives the lease back. */
  async end(): Promise<void> {
    try {
      do await this.#seal();
      while (this.#isMoreReady);
      while (this.#unsigned.size > 0) await this.#sign();
      await this.#anchoring;
      if (this.#isAnchorBehind()) await this.#anchor();
    } finally {
      await releaseSealerLease(this.#deps.database, this.#lease);
    }
  }

  async #seal(): Promise<number> {
    const { database } = this.#deps;
    const { ready, waiting } = this.#isMoreReady ? { ready: true, waiting: true } : await lookAtInbox(database);
    if (!ready) {
      // Events behind an open transaction: look again soon, and less and less often while it stays open.
      this.#waitMs = waiting ? Math.min(this.#waitMs * 2, POLL_MS) : COALESCE_MS;
      if (!waiting) this.#restMs = COALESCE_MS;
      return waiting ? this.#waitMs : POLL_MS;
    }
    this.#note(await sealBatch(database, this.#lease, this.#leaseMs));
    this.#waitMs = COALESCE_MS;
    this.#restMs = Math.min(this.#restMs * 2, REST_MS_MAX);
    return this.#isMoreReady ? 0 : this.#restMs;
  }

  #note(batch: SealedBatch): void {
    this.#isMoreReady = batch.events === BATCH_EVENTS_MAX;
    if (batch.events === 0) return;
    this.#renewedAtMs = this.#deps.clock.monotonic();
    this.#log = { ...batch.log, at: batch.at };
    for (const head of batch.heads) {
      this.#unsigned.add(head.tenantId);
      this.#headsToAnchor.set(head.tenantId, head);
    }
  }

  async #signWhenDue(): Promise<void> {
    if (this.#unsigned.size === 0 || this.#elapsedMs(this.#signedAtMs) < SIGN_MS_MIN) return;
    await this.#sign();
    // Too many for one transaction: the rest is due at once.
    if (this.#unsigned.size === 0) this.#signedAtMs = this.#deps.clock.monotonic();
  }

  async #sign(): Promise<void> {
    const tenantIds = [...this.#unsigned].slice(0, TENANTS_SIGNED_MAX);
    await signHeads(this.#deps.database, this.#lease, this.#deps.key, tenantIds);
    for (const tenantId of tenantIds) this.#unsigned.delete(tenantId);
  }

  /** Does not wait: an object store takes its time, and the log goes on. */
  #anchorWhenDue(): void {
    if (this.#anchoring || !this.#isAnchorBehind() || this.#elapsedMs(this.#anchoredAtMs) < ANCHOR_MS_MIN) return;
    this.#anchoredAtMs = this.#deps.clock.monotonic();
    this.#anchoring = this.#anchor().finally(() => {
      this.#anchoring = undefined;
    });
  }

  async #anchor(): Promise<void> {
    const { logPosition, logHash, at } = this.#log;
    const heads = this.#headsToAnchor;
    this.#headsToAnchor = new Map();
    try {
      await this.#keeper.put({
        logPosition,
        logHash: Buffer.from(logHash).toString('hex'),
        at: at.toISOString(),
        heads: Array.from(heads.values(), ({ tenantId, position, hash }) => ({
          tenantId,
          position,
          hash: Buffer.from(hash).toString('hex'),
        })),
      });
      this.#anchoredPosition = logPosition;
    } catch (error) {
      this.#headsToAnchor = new Map([...heads, ...this.#headsToAnchor]);
      this.#deps.onError(error as Error);
    }
  }

  #isAnchorBehind(): boolean {
    return this.#anchoredPosition !== this.#log.logPosition;
  }

  #elapsedMs(sinceMs: number): number {
    return this.#deps.clock.monotonic() - sinceMs;
  }
}

interface TermStart {
  readonly lease: SealerLease;
  readonly head: FencedHead;
  readonly keeper: AnchorKeeper;
  readonly unsigned: readonly string[];
}
