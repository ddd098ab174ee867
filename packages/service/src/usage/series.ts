import type { PlanPrices } from '@safelight/contract';
import { costOf, monthOf, pricesAt, storageCost } from './cost.ts';
import { addUsage, DAY_MS, HOUR_MS, type HourRow, NO_USAGE, type PricePeriod, type Usage } from './model.ts';

/** What is known of a stretch of time, as it was read in one look. */
export interface Known {
  /** Full hours; milliseconds since the epoch. */
  readonly from: number;
  readonly to: number;
  /** The database's time. */
  readonly now: number;
  /** Bytes that were stored at `from`. */
  readonly openingBytes: number;
  /** Of the hours in which something happened, in order. */
  readonly rows: readonly HourRow[];
  /** The oldest first. */
  readonly prices: readonly PricePeriod[];
}

/** A piece of time with what it used and what that cost. */
export interface Stretch {
  readonly from: number;
  /** Its end, also where that lies ahead. */
  readonly to: number;
  readonly usage: Usage;
  /** In millionths of the currency's unit, not rounded. */
  readonly costMicros: number;
}

export interface Series {
  readonly stretches: readonly Stretch[];
  readonly total: Omit<Stretch, 'from' | 'to'>;
  /** Stored at the end, or now where the end lies ahead. */
  readonly closingBytes: number;
}

/**
 * Hours or days from what is known, as far as they have begun. What is stored goes on costing in hours in which nothing
 * happens, so each has its stretch.
 */
export function seriesOf(known: Known, by: 'hour' | 'day'): Series {
  const stretches: Stretch[] = [];
  let balance = known.openingBytes;
  let total: Omit<Stretch, 'from' | 'to'> = { usage: NO_USAGE, costMicros: 0 };
  let row = 0;
  for (let from = known.from; from < known.to && from <= known.now; from += HOUR_MS) {
    const found = known.rows[row]?.hour.getTime() === from ? known.rows[row] : undefined;
    if (found) row += 1;
    const usage = usageOfHour(from, known.now, balance, found);
    balance += found?.stored_bytes ?? 0;
    const prices = pricesAt(known.prices, from);
    const costMicros = prices ? costOf(usage, prices, from) : 0;
    total = { usage: addUsage(total.usage, usage), costMicros: total.costMicros + costMicros };
    const last = stretches.at(-1);
    if (by === 'day' && last && dayOf(last.from) === dayOf(from)) {
      const merged = { usage: addUsage(last.usage, usage), costMicros: last.costMicros + costMicros };
      stretches[stretches.length - 1] = { from: last.from, to: from + HOUR_MS, ...merged };
    } else stretches.push({ from, to: from + HOUR_MS, usage, costMicros });
  }
  return { stretches, total, closingBytes: balance };
}

function usageOfHour(from: number, now: number, balance: number, row: HourRow | undefined): Usage {
  // Of an hour under way, only what has passed of it; what was summed up reaches to its end.
  const aheadMs = Math.max(0, from + HOUR_MS - now);
  const passedMs = HOUR_MS - aheadMs;
  const changed = row ? Math.max(0 - balance * passedMs, row.stored_byte_ms - row.stored_bytes * aheadMs) : 0;
  return {
    requests: row?.requests ?? 0,
    bytesIn: row?.bytes_in ?? 0,
    bytesOut: row?.bytes_out ?? 0,
    renders: row?.renders ?? 0,
    renderCpuMs: row?.render_cpu_ms ?? 0,
    pixels: row?.pixels ?? 0,
    storedByteMs: balance * passedMs + changed,
  };
}

function dayOf(ms: number): number {
  return Math.floor(ms / DAY_MS);
}

export interface Forecast {
  /** Of the whole month, in millionths of the currency's unit, not rounded. */
  readonly costMicros: number;
  /** What the rate of the flows was taken from. */
  readonly overMs: number;
}

const RATE_MS_MAX = 7 * DAY_MS;

/**
 * What the month will have cost: what it has cost so far; what flows (requests, bytes, renders) at the mean rate of the
 * last seven days, so that every day of the week counts once, or since the first use where that is shorter; and what is
 * stored now, to the month's end. At the prices that hold now.
 * @param month from its first moment to now
 * @param week the last seven days
 */
export function forecast(month: Series, week: Series, now: number, prices: PlanPrices): Forecast {
  const { end } = monthOf(now);
  const leftMs = end - now;
  const first = week.stretches.find(({ usage }) => usage.requests + usage.renders + usage.bytesIn > 0);
  const overMs = first ? Math.min(RATE_MS_MAX, Math.max(HOUR_MS, now - first.from)) : 0;
  const flows = costOf({ ...week.total.usage, storedByteMs: 0 }, prices, now);
  const flowing = overMs > 0 ? (flows / overMs) * leftMs : 0;
  const storing = storageCost(month.closingBytes * leftMs, prices, now);
  return { costMicros: month.total.costMicros + flowing + storing, overMs };
}
