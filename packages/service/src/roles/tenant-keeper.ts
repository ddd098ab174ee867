import type { Logger } from 'pino';
import type { Clock } from '../core/clock.ts';
import type { Database } from '../db/database.ts';
import { advanceDeletion, listDeleting, RetentionSweep } from '../erasure/index.ts';
import { holdJobs, releaseHeldJobs } from '../jobs/index.ts';
import type { ObjectStore } from '../ports/object-store.ts';
import { listNotActive } from '../tenants/index.ts';
import { type Background, runAttentive } from './background.ts';

export interface TenantKeeperDeps {
  readonly database: Database;
  readonly store: ObjectStore;
  readonly clock: Clock;
  readonly log: Logger;
  /** How often it looks where nobody tells it, in milliseconds; 5 s if absent. */
  readonly pollMs?: number;
  /** See `advanceDeletion`; as long as a statement may run, if absent. */
  readonly settleMs?: number;
}

/** While there is something to do. */
const KEEP_EVERY_MS = 1_000;
const POLL_MS = 5_000;
/** As long as the longest statement: whatever began before the mark has ended by then. */
const SETTLE_MS = 30_000;
const RETENTION_EVERY_MS = 10 * 60 * 1000;

/**
 * Does in the background what a tenant's status asks for: holds the jobs of who is suspended, releases those of who was
 * resumed, removes what a deleted one had, and deletes images beyond their retention: when the log tells of a change of
 * status, and again and again until nothing is left to do. Everything is read from the database, in bounded batches, so
 * any number of nodes may do it and each may die at any time.
 */
export function startTenantKeeper(deps: TenantKeeperDeps): Background {
  const { database, log, pollMs = POLL_MS } = deps;
  const jobs = new HeldJobs(deps);
  const onError = (error: unknown) => log.warn({ err: error }, 'tending tenants failed; the next turn will try again');
  const common = { database, everyMs: Math.min(KEEP_EVERY_MS, pollMs), pollMs, onError };
  const turns = [
    runAttentive({
      ...common,
      deeds: ['tenant.suspended', 'tenant.resumed', 'tenant.deleting'],
      turn: (ending) => jobs.tend(ending),
    }),
    runAttentive({ ...common, deeds: ['tenant.deleting'], turn: remover(deps) }),
  ];
  return {
    stop: async () => {
      await Promise.all(turns.map((each) => each.stop()));
    },
  };
}

/** Holds each suspended tenant's jobs once from end to end; what comes after, the claim that meets it holds. */
class HeldJobs {
  readonly #deps: TenantKeeperDeps;
  /** By tenant: since when it has the status for which its jobs were held. */
  #held = new Map<string, number>();

  constructor(deps: TenantKeeperDeps) {
    this.#deps = deps;
  }

  /** @returns whether there was something to do. */
  async tend(signal: AbortSignal): Promise<boolean> {
    const { database, log } = this.#deps;
    const released = await releaseHeldJobs(database, signal);
    if (released > 0) log.info({ jobs: released }, 'released jobs of tenants that were resumed');
    const held = new Map<string, number>();
    let isNew = released > 0;
    for (const { tenantId, statusAt } of await listNotActive(database)) {
      const since = statusAt.getTime();
      const isHeld = this.#held.get(tenantId) === since;
      isNew ||= !isHeld;
      if (isHeld || (await holdJobs(database, tenantId, signal))) held.set(tenantId, since);
    }
    this.#held = held;
    return isNew;
  }
}

/** What goes for good; a tenant with much of it keeps nobody's jobs waiting. */
function remover(deps: TenantKeeperDeps): (signal: AbortSignal) => Promise<boolean> {
  const { database, clock, log, settleMs = SETTLE_MS } = deps;
  const retention = new RetentionSweep(deps);
  let nextSweep = clock.monotonic();
  return async (signal) => {
    const deleting = await listDeleting(database);
    for (const tenantId of deleting) {
      if (signal.aborted) return true;
      if (await advanceDeletion(deps, tenantId, { settleMs, signal })) log.info({ tenantId }, 'a tenant is deleted');
    }
    if (clock.monotonic() < nextSweep) return deleting.length > 0;
    const images = await retention.sweep(signal);
    nextSweep = clock.monotonic() + RETENTION_EVERY_MS;
    if (images > 0) log.info({ images }, 'deleted images beyond their retention');
    return deleting.length > 0;
  };
}
