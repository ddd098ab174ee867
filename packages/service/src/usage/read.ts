import { type PlanPrices, planPricesSchema } from '@safelight/contract';
import { invariant } from '../core/invariant.ts';
import type { Queryable } from '../db/database.ts';
import { monthOf, pricesAt } from './cost.ts';
import { DAY_MS, HOUR_MS, type HourRow, type PricePeriod } from './model.ts';
import { selectHours, selectNow, selectOpening, selectPrices, selectStoredBytes } from './read.sql.ts';
import { forecast, type Known, type Series, seriesOf } from './series.ts';

/** What a newer build has written besides is left out. */
const storedPrices = planPricesSchema.strip();

/** The database's time, by which periods begin and end. */
export async function readNow(tx: Queryable): Promise<number> {
  const [row] = await tx.query<{ now: Date }>(selectNow);
  invariant(row, 'a database tells its time');
  return row.now.getTime();
}

/** What a tenant has stored, also as far as the meter has not come to it; as the system. */
export async function readStoredBytes(tx: Queryable, tenantId: string): Promise<number> {
  const [row] = await tx.query<{ bytes: number }>(selectStoredBytes, [tenantId]);
  return row?.bytes ?? 0;
}

/**
 * What is known of a stretch of time.
 * @param from,to full hours
 * @param pricesNow of the tenant's plan; they stand in until the meter has written down which hold.
 */
export async function readKnown(
  tx: Queryable,
  tenantId: string,
  { from, to, now }: { readonly from: number; readonly to: number; readonly now: number },
  pricesNow: PlanPrices,
): Promise<Known> {
  const [rows, [opening], periods] = await Promise.all([
    tx.query<HourRow>(selectHours, [tenantId, new Date(from), new Date(to)]),
    tx.query<{ bytes: number }>(selectOpening, [tenantId, new Date(from)]),
    tx.query<{ from: Date | null; prices: unknown }>(selectPrices, [tenantId]),
  ]);
  const prices = periods.map((row): PricePeriod => ({ from: row.from, prices: storedPrices.parse(row.prices) }));
  return {
    ...{ from, to, now, rows, openingBytes: opening?.bytes ?? 0 },
    prices: prices.length > 0 ? prices : [{ from: null, prices: pricesNow }],
  };
}

export interface UsageRange {
  /** Milliseconds since the epoch; absent: the month under way. Widened to full hours. */
  readonly from?: number | undefined;
  readonly to?: number | undefined;
  readonly by: 'hour' | 'day';
}

export interface UsageReport {
  readonly from: number;
  readonly to: number;
  readonly now: number;
  readonly currency: string;
  readonly series: Series;
  /** Of the month under way. */
  readonly month: {
    readonly start: number;
    readonly end: number;
    readonly costMicros: number;
    readonly forecastMicros: number;
    /** Of the time before now whose rate the forecast goes on with. */
    readonly forecastOverMs: number;
    readonly storedBytes: number;
  };
}

/** What a tenant has used, what it cost, and what the month will have cost. In a transaction of the tenant's. */
export async function readUsage(
  tx: Queryable,
  tenantId: string,
  range: UsageRange,
  pricesNow: PlanPrices,
): Promise<UsageReport> {
  const now = await readNow(tx);
  const { start, end } = monthOf(now);
  const from = floorHour(range.from ?? start);
  const to = Math.max(from, ceilHour(range.to ?? now));
  const weekFrom = floorHour(now - 7 * DAY_MS);
  // What is asked for is mostly the month under way: its rows are read once.
  const recentFrom = Math.min(start, weekFrom);
  const [recent, apart] = await Promise.all([
    readKnown(tx, tenantId, { from: recentFrom, to: end, now }, pricesNow),
    from < recentFrom || to > end ? readKnown(tx, tenantId, { from, to, now }, pricesNow) : undefined,
  ]);
  const prices = pricesAt(recent.prices, now) ?? pricesNow;
  const monthSeries = seriesOf(cut(recent, start, end), 'day');
  const foreseen = forecast(monthSeries, seriesOf(cut(recent, weekFrom, end), 'hour'), now, prices);
  return {
    ...{ from, to, now, currency: prices.currency },
    series: seriesOf(apart ?? cut(recent, from, to), range.by),
    month: {
      ...{ start, end, costMicros: monthSeries.total.costMicros, storedBytes: monthSeries.closingBytes },
      forecastMicros: foreseen.costMicros,
      forecastOverMs: foreseen.overMs,
    },
  };
}

/** A part of what is known. */
function cut(known: Known, from: number, to: number): Known {
  const first = known.rows.findIndex(({ hour }) => hour.getTime() >= from);
  const before = first < 0 ? known.rows : known.rows.slice(0, first);
  const openingBytes = before.reduce((sum, { stored_bytes }) => sum + stored_bytes, known.openingBytes);
  return { ...known, from, to, openingBytes, rows: first < 0 ? [] : known.rows.slice(first) };
}

function floorHour(ms: number): number {
  return Math.floor(ms / HOUR_MS) * HOUR_MS;
}

function ceilHour(ms: number): number {
  return Math.ceil(ms / HOUR_MS) * HOUR_MS;
}
