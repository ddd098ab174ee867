import type { Clock } from '../core/clock.ts';
import type { Database, Queryable, Transaction } from '../db/database.ts';
import { getTenant } from '../tenants/index.ts';
import { selectStaleBudgets } from './budget.sql.ts';
import { refreshBudget } from './budget.ts';
import { applyReleases, foldEvents, writePrices } from './fold.sql.ts';

interface Folded {
  readonly after: number;
  readonly upTo: number;
  readonly head: number;
  readonly tenants: readonly string[];
  readonly releases: readonly number[];
}

/** One transaction meters this many events at most, in some 100 ms: for as long counts of the same hours wait. */
const POSITIONS_MAX = 5_000;
/** Of budgets of which there is no news; the others are all looked at. */
const STALE_BUDGETS_MAX = 500;

/**
 * Meters what the log tells since the last time: usage by the hour, budgets, and reservations that are used up, together
 * with the place in the log, in one transaction. Any number of nodes may call it; one works, the others find nothing.
 * @returns events that were passed, and whether there are more.
 */
export async function foldUsage(
  database: Database,
  clock: Clock,
): Promise<{ readonly events: number; readonly isMore: boolean }> {
  return database.transaction(async (tx) => {
    const [folded] = await tx.query<Folded>(foldEvents, [POSITIONS_MAX]);
    if (!folded) return { events: 0, isMore: false };
    await refreshBudgets(tx, clock, folded.tenants);
    // After the cost has come to the budget: in between, it stands there twice and never not at all.
    if (folded.releases.length > 0) await tx.query(applyReleases, [folded.releases]);
    return { events: Math.max(0, folded.upTo - folded.after), isMore: folded.upTo < folded.head };
  });
}

/** Writes down which prices hold; once a minute, however often it is called, or `now`. */
export async function keepPrices(database: Queryable, now = false): Promise<void> {
  await database.query(writePrices, [now]);
}

async function refreshBudgets(tx: Transaction, clock: Clock, touched: readonly string[]): Promise<void> {
  const stale = await tx.query<{ tenant_id: string }>(selectStaleBudgets, [touched, STALE_BUDGETS_MAX]);
  for (const { tenant_id: tenantId } of stale) {
    const tenant = await getTenant(tx, tenantId);
    if (tenant) await refreshBudget(tx, clock, tenantId, tenant.plan.prices);
  }
}
