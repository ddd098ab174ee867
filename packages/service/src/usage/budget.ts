import type { PlanPrices } from '@safelight/contract';
import type { Clock } from '../core/clock.ts';
import { invariant } from '../core/invariant.ts';
import type { Queryable } from '../db/database.ts';
import { recordEvent } from '../events/index.ts';
import type { TenantPlan } from '../tenants/index.ts';
import {
  insertFirstPrices,
  keepMetered,
  lockBudget,
  putBudget,
  selectBudget,
  tellHard,
  tellSoft,
} from './budget.sql.ts';
import { monthOf, pricesAt, storageCost } from './cost.ts';
import { HOUR_MS } from './model.ts';
import { readKnown } from './read.ts';
import { seriesOf } from './series.ts';

/** In millionths of the currency of the tenant's plan; null is no bound. */
export interface BudgetBounds {
  readonly softMicros: number | null;
  readonly hardMicros: number | null;
}

export interface Budget extends BudgetBounds {
  /** First moment of the month that the rest is of, in UTC. */
  readonly month: Date;
  /** Cost as far as it is metered, with what is stored now reserved to the month's end. */
  readonly meteredMicros: number;
  /** Predicted cost of work that is ordered and not yet metered. */
  readonly reservedMicros: number;
}

interface BudgetRow {
  readonly soft_micros: number | null;
  readonly hard_micros: number | null;
  /** Before the first look the driver answers a number. */
  readonly month: Date | number;
  readonly closed_until: Date | number;
  readonly closed_micros: number;
  readonly metered_micros: number;
  readonly reserved_micros: number;
  readonly current_month: Date;
  readonly now: Date;
}

/** Undefined where none was ever set. */
export async function readBudget(tx: Queryable, tenantId: string): Promise<Budget | undefined> {
  const [row] = await tx.query<BudgetRow>(selectBudget, [tenantId]);
  return row && toBudget(row);
}

/** Sets both bounds, as the system; what was reached before is told again if it still is. */
export async function setBudget(
  tx: Queryable,
  clock: Clock,
  tenantId: string,
  bounds: BudgetBounds,
  { actor, plan }: { readonly actor: string; readonly plan: Pick<TenantPlan, 'name' | 'version' | 'prices'> },
): Promise<Budget> {
  // Reservations are made by prices that are written down.
  await tx.query(insertFirstPrices, [tenantId, plan.name, plan.version, JSON.stringify(plan.prices)]);
  await tx.query(putBudget, [tenantId, bounds.softMicros, bounds.hardMicros]);
  await recordEvent(tx, clock, {
    ...{ tenantId, type: 'budget.changed', subject: tenantId, actor },
    data: { softMicros: bounds.softMicros, hardMicros: bounds.hardMicros },
  });
  await refreshBudget(tx, clock, tenantId, plan.prices);
  const budget = await readBudget(tx, tenantId);
  invariant(budget, 'a budget just set is there');
  return budget;
}

/**
 * Counts up what the month has cost so far and says so when a bound is reached for the first time in it. Hours that
 * nothing comes to any more are counted once, so a look reads the last two.
 */
export async function refreshBudget(
  tx: Queryable,
  clock: Clock,
  tenantId: string,
  pricesNow: PlanPrices,
): Promise<void> {
  const [row] = await tx.query<BudgetRow>(lockBudget, [tenantId]);
  if (!row) return;
  const now = row.now.getTime();
  const month = row.current_month.getTime();
  const isSame = row.month instanceof Date && row.month.getTime() === month && row.closed_until instanceof Date;
  const from = isSame ? Number(row.closed_until) : month;
  const known = await readKnown(tx, tenantId, { from, to: monthOf(now).end, now }, pricesNow);
  const { stretches, total, closingBytes } = seriesOf(known, 'hour');
  // An event of the last hour may still be on its way through the sealer.
  const closedUntil = Math.max(from, Math.floor(now / HOUR_MS) * HOUR_MS - HOUR_MS);
  const closing = stretches.filter(({ to }) => to <= closedUntil);
  const before = isSame ? row.closed_micros : 0;
  const closed = before + Math.ceil(closing.reduce((sum, { costMicros }) => sum + costMicros, 0));
  const prices = pricesAt(known.prices, now) ?? pricesNow;
  const ahead = storageCost(closingBytes * (monthOf(now).end - now), prices, now);
  const metered = Math.ceil(before + total.costMicros + Math.max(0, ahead));
  await tx.query(keepMetered, [
    ...[tenantId, row.current_month, new Date(closedUntil), closed, metered, row.now],
    ...[prices.renderSecond, prices.megapixel, prices.gbMonthStored],
  ]);
  await tell(tx, clock, tenantId, { ...toBudget(row), month: row.current_month, meteredMicros: metered });
}

async function tell(tx: Queryable, clock: Clock, tenantId: string, budget: Budget): Promise<void> {
  const { softMicros, hardMicros, meteredMicros, reservedMicros, month } = budget;
  const data = { month: month.toISOString().slice(0, 7), meteredMicros, reservedMicros };
  const common = { tenantId, subject: tenantId, actor: 'system' } as const;
  if (softMicros !== null && meteredMicros >= softMicros && (await tx.query(tellSoft, [tenantId, month])).length > 0) {
    await recordEvent(tx, clock, { ...common, type: 'budget.soft_reached', data: { ...data, softMicros } });
  }
  if (hardMicros !== null && meteredMicros + reservedMicros >= hardMicros) await tellHardReached(tx, clock, tenantId);
}

/** Once in a month: the stop has been reached, or work was refused because it would have gone over it. */
export async function tellHardReached(tx: Queryable, clock: Clock, tenantId: string): Promise<void> {
  const [row] = await tx.query<BudgetRow>(selectBudget, [tenantId]);
  if (!row || row.hard_micros === null) return;
  const month = row.current_month;
  if ((await tx.query(tellHard, [tenantId, month])).length === 0) return;
  const { metered_micros: meteredMicros, reserved_micros: reservedMicros, hard_micros: hardMicros } = row;
  await recordEvent(tx, clock, {
    ...{ tenantId, subject: tenantId, actor: 'system', type: 'budget.hard_reached' },
    data: { month: month.toISOString().slice(0, 7), meteredMicros, reservedMicros, hardMicros },
  });
}

function toBudget(row: BudgetRow): Budget {
  const isCurrent = row.month instanceof Date && row.month.getTime() === row.current_month.getTime();
  return {
    softMicros: row.soft_micros,
    hardMicros: row.hard_micros,
    month: row.current_month,
    // What is known of another month says nothing of this one.
    meteredMicros: isCurrent ? row.metered_micros : 0,
    reservedMicros: row.reserved_micros,
  };
}

/** How a tenant stands to its budget. */
export type BudgetStanding = 'open' | 'saving' | 'exhausted';

/** Without a soft bound, saving begins at this share of the hard one. */
const SAVING_SHARE = 0.8;

/** `saving` from the soft bound on, `exhausted` at the hard one. */
export function standingOf(budget: Budget | undefined): BudgetStanding {
  if (!budget) return 'open';
  const { softMicros, hardMicros, meteredMicros, reservedMicros } = budget;
  const committed = meteredMicros + reservedMicros;
  if (hardMicros !== null && committed >= hardMicros) return 'exhausted';
  const soft = softMicros ?? (hardMicros === null ? Number.POSITIVE_INFINITY : hardMicros * SAVING_SHARE);
  return committed >= soft ? 'saving' : 'open';
}
