import type { Database, Queryable, Transaction } from '../db/database.ts';
import { findReleasable, holdPage, releaseHeld, revokeLeases, settleAccounts } from './hold.sql.ts';
import { LANES } from './model.ts';
import { lockAccounts } from './move.sql.ts';
import { CHARGE_MICROS_MAX } from './policy.ts';

/** A statement over so many takes tens of milliseconds. */
const BATCH = 1_000;
/** Tenants to whose jobs one round attends; the next goes on. */
const TENANTS_MAX = 100;

/**
 * Holds what a tenant that is not active has waiting, page by page. What comes after is held by the claim that meets it.
 * @returns true when all was looked at, false when `signal` fired before.
 */
export async function holdJobs(database: Queryable, tenantId: string, signal: AbortSignal): Promise<boolean> {
  let after = '';
  while (!signal.aborted) {
    const [page] = await database.query<{ last: string | null; looked: number }>(holdPage, [tenantId, after, BATCH]);
    if (!page?.last || page.looked < BATCH) {
      await database.query(settleAccounts, [tenantId]);
      return true;
    }
    after = page.last;
  }
  return false;
}

/**
 * Queues what is held of tenants that are active again, in batches, until nothing is left or `signal` fires.
 * @returns how many jobs.
 */
export async function releaseHeldJobs(database: Database, signal: AbortSignal): Promise<number> {
  let released = 0;
  const tenants = await database.query<{ tenantId: string }>(findReleasable, [TENANTS_MAX]);
  for (const { tenantId } of tenants) {
    for (let batch = BATCH; batch === BATCH && !signal.aborted; released += batch) {
      batch = await database.transaction((tx) => releaseBatch(tx, tenantId));
    }
  }
  return released;
}

async function releaseBatch(tx: Transaction, tenantId: string): Promise<number> {
  await tx.query(lockAccounts, [tenantId, [...LANES]]);
  const [row] = await tx.query<{ released: number }>(releaseHeld, [tenantId, BATCH, CHARGE_MICROS_MAX]);
  return row?.released ?? 0;
}

/** Takes a tenant's leases away: nothing that is being made for it now will ever be recorded. */
export async function revokeTenantLeases(tx: Queryable, tenantId: string): Promise<void> {
  await tx.query(revokeLeases, [tenantId]);
}
