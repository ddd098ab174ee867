import type { Budget, Usage } from '@safelight/contract';
import { axisMax } from './fleet-history.ts';
import { formatSeconds } from './fleet-words.ts';
import { formatBytes } from './words.ts';

const MICROS = 1_000_000;
const DAY_MS = 86_400_000;
/** Beyond it a number in micro-units is not exact any more. */
const AMOUNT_MAX = Math.floor(Number.MAX_SAFE_INTEGER / MICROS);
const AMOUNT = /^\d{1,10}(\.\d{1,6})?$/;

/** `€12.30`; below one unit three digits that say something, such as `€0.00214`. */
export function formatMoney(micros: number, currency: string): string {
  const amount = micros / MICROS;
  const isSmall = Math.abs(amount) < 1;
  const shown = isSmall ? Number(amount.toPrecision(3)) : amount;
  return shown.toLocaleString('en', {
    style: 'currency',
    currency,
    minimumFractionDigits: 2,
    maximumFractionDigits: isSmall ? 6 : 2,
  });
}

/** Millionths of what somebody wrote: null for nothing, undefined for what is no amount. */
export function microsOf(text: string): number | null | undefined {
  const written = text.trim();
  if (written === '') return null;
  if (!AMOUNT.test(written) || Number(written) > AMOUNT_MAX) return undefined;
  return Math.round(Number(written) * MICROS);
}

/** What a field shows for a bound. */
export function amountText(micros: number | null): string {
  return micros === null ? '' : String(micros / MICROS);
}

/** `November 2026` */
export function monthName(iso: string): string {
  return new Date(iso).toLocaleDateString('en', { month: 'long', year: 'numeric', timeZone: 'UTC' });
}

/** `22 Nov`, in UTC, as days are charged. */
export function dayName(iso: string): string {
  return new Date(iso).toLocaleDateString('en-GB', { day: 'numeric', month: 'short', timeZone: 'UTC' });
}

/** The beginning of another month, in UTC. */
export function monthBegin(iso: string, months: number): string {
  const at = new Date(iso);
  return new Date(Date.UTC(at.getUTCFullYear(), at.getUTCMonth() + months)).toISOString();
}

type Quantities = Usage['total'];
export type Meter = keyof Quantities;

interface MeterWords {
  readonly name: string;
  readonly title: string;
  /** @param currency of the cost. */
  readonly format: (value: number, currency: string) => string;
  /** Where an axis ends that shows `most`. */
  readonly axis: (most: number) => number;
}

const count = (value: number) => value.toLocaleString('en', { maximumFractionDigits: 0 });
const fine = (most: number) => axisMax(most * 1_000) / 1_000;
const bytesAxis = (most: number) => {
  const unit = 1024 ** Math.max(0, Math.floor(Math.log2(Math.max(most, 1)) / 10));
  return axisMax(most / unit) * unit;
};

/** What is metered, in the order in which it is shown. */
export const METERS: Readonly<Record<Meter, MeterWords>> = {
  requests: { name: 'Requests', title: 'That were answered, not refused.', format: count, axis: axisMax },
  bytesIn: { name: 'Received', title: 'Bytes in, headers included.', format: formatBytes, axis: bytesAxis },
  bytesOut: { name: 'Delivered', title: 'Bytes out, headers included.', format: formatBytes, axis: bytesAxis },
  storedByteHours: {
    name: 'Stored × hours',
    title: 'Bytes stored, each times the hours for which it was.',
    format: (value) => `${formatBytes(value)}\u00a0h`,
    axis: bytesAxis,
  },
  renders: { name: 'Renders', title: 'Renditions made; each counts once.', format: count, axis: axisMax },
  renderSeconds: { name: 'CPU time', title: 'Of workers.', format: (value) => formatSeconds(value), axis: fine },
  megapixels: {
    name: 'Megapixels',
    title: 'Of renditions made, all frames.',
    format: (value) => value.toLocaleString('en', { maximumSignificantDigits: value < 1 ? 2 : 4 }),
    axis: fine,
  },
  costMicros: { name: 'Cost', title: 'By the prices of the plan.', format: formatMoney, axis: axisMax },
};

export const METER_NAMES = Object.keys(METERS) as Meter[];

/** One value for each day of the month, 0 where nothing was metered; null for days that have not begun. */
export function daysOf({ from, rows }: Pick<Usage, 'from' | 'rows'>, meter: Meter): (number | null)[] {
  const begin = Date.parse(from);
  const days = Math.round((Date.parse(monthBegin(from, 1)) - begin) / DAY_MS);
  const values = Array.from({ length: days }, (): number | null => null);
  for (const row of rows) values[Math.floor((Date.parse(row.from) - begin) / DAY_MS)] = row[meter];
  return values;
}

/** How the month stands to the budget. */
export function standingText({ softMicros, hardMicros, standing }: Budget): string {
  if (softMicros === null && hardMicros === null) return 'No ceiling is set: nothing stops what may be spent.';
  if (standing === 'exhausted')
    return 'The stop is reached: what costs is not begun until the month ends or the stop is raised.';
  if (standing === 'saving') return softMicros === null ? 'The stop is near.' : 'The alert is reached.';
  return 'Within the budget.';
}

/** What the stop does, by the tenant's settings. */
export const POLICY_WORDS: Readonly<Record<Budget['policy'], string>> = {
  serve_existing: 'At the stop, a preset that exists is delivered where a new rendition would have to be made.',
  cheaper: 'From the alert on, no smaller forms are made later; at the stop, no new renditions are made.',
  refuse: 'At the stop, no new renditions are made.',
};

/** Where a value stands on a bar, 0 to 1, that has room for all of a budget. */
export function budgetShares(budget: Budget) {
  const { softMicros, hardMicros, meteredMicros, reservedMicros } = budget;
  const committed = meteredMicros + reservedMicros;
  const most = Math.max(hardMicros ?? 0, softMicros ?? 0, committed, 1);
  const share = (micros: number) => Math.min(1, micros / most);
  return {
    metered: share(meteredMicros),
    committed: share(committed),
    soft: softMicros === null ? undefined : share(softMicros),
    hard: hardMicros === null ? undefined : share(hardMicros),
  };
}
