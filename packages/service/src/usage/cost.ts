import type { PlanPrices } from '@safelight/contract';
import type { PricePeriod, Usage } from './model.ts';

const GB = 1e9;
const MEGAPIXEL = 1e6;

/** What the month of a time is charged by: the first moment of it, and of the next, in UTC. */
export function monthOf(ms: number): { readonly start: number; readonly end: number } {
  return { start: monthStart(ms, 0), end: monthStart(ms, 1) };
}

/**
 * The cost of what was used within one calendar month, in millionths of the currency's unit, not rounded.
 * @param at any time of that month: a month's storage costs the same whether it has 28 days or 31.
 */
export function costOf(usage: Usage, prices: PlanPrices, at: number): number {
  return (
    (usage.requests / 1_000) * prices.thousandRequests +
    (usage.bytesIn / GB) * prices.gbIn +
    (usage.bytesOut / GB) * prices.gbOut +
    (usage.renderCpuMs / 1_000) * prices.renderSecond +
    (usage.pixels / MEGAPIXEL) * prices.megapixel +
    storageCost(usage.storedByteMs, prices, at)
  );
}

/** Of storage alone. */
export function storageCost(storedByteMs: number, prices: PlanPrices, at: number): number {
  const { start, end } = monthOf(at);
  return (storedByteMs / GB / (end - start)) * prices.gbMonthStored;
}

/** The prices that hold at a time. @param periods the oldest first; the first holds for all before it as well. */
export function pricesAt(periods: readonly PricePeriod[], ms: number): PlanPrices | undefined {
  const standing = periods.findLast(({ from }) => from === null || from.getTime() <= ms);
  return (standing ?? periods[0])?.prices;
}

function monthStart(ms: number, months: number): number {
  const at = new Date(ms);
  return Date.UTC(at.getUTCFullYear(), at.getUTCMonth() + months, 1);
}
