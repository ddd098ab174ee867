import { planPricesSchema } from '@safelight/contract';
import { describe, expect, it } from 'vitest';
import { monthOf } from './cost.ts';
import { DAY_MS, HOUR_MS, type HourRow } from './model.ts';
import { forecast, type Known, seriesOf } from './series.ts';

const GB = 1e9;
const NOVEMBER = Date.parse('2026-11-01T00:00:00Z');
const PRICES = planPricesSchema.parse({ gbMonthStored: 30_000_000, renderSecond: 1_000_000, gbOut: 2_000_000 });

function row(hour: number, given: Partial<HourRow> = {}): HourRow {
  return {
    ...{ hour: new Date(hour), requests: 0, bytes_in: 0, bytes_out: 0, renders: 0, render_cpu_ms: 0, pixels: 0 },
    ...{ stored_bytes: 0, stored_byte_ms: 0, ...given },
  };
}

/** A change of what is stored, as the meter sums it up. */
function change(hour: number, atMs: number, bytes: number): HourRow {
  return row(hour, { stored_bytes: bytes, stored_byte_ms: bytes * (HOUR_MS - atMs) });
}

function known(given: Partial<Known>): Known {
  const from = given.from ?? NOVEMBER;
  return {
    ...{ from, to: from + 3 * HOUR_MS, now: from + 30 * DAY_MS, openingBytes: 0, rows: [] },
    prices: [{ from: null, prices: PRICES }],
    ...given,
  };
}

describe('usage by the hour', () => {
  it('counts stored bytes for as long as they are stored, in hours in which nothing happens as well', () => {
    // A gigabyte comes at half past one and goes at a quarter past three.
    const rows = [change(NOVEMBER + HOUR_MS, HOUR_MS / 2, GB), change(NOVEMBER + 3 * HOUR_MS, HOUR_MS / 4, -GB)];
    const { stretches, closingBytes } = seriesOf(known({ rows, to: NOVEMBER + 5 * HOUR_MS }), 'hour');
    expect(stretches.map(({ usage }) => usage.storedByteMs / GB / HOUR_MS)).toEqual([0, 0.5, 1, 0.25, 0]);
    expect(closingBytes).toBe(0);
  });

  it('counts of the hour under way what has passed of it', () => {
    const now = NOVEMBER + HOUR_MS + HOUR_MS / 2;
    const rows = [change(NOVEMBER + HOUR_MS, HOUR_MS / 4, GB)];
    const { stretches } = seriesOf(known({ rows, now, openingBytes: GB }), 'hour');
    expect(stretches.map(({ usage }) => usage.storedByteMs / GB / HOUR_MS)).toEqual([1, 0.5 + 0.25]);
  });

  it('sums days up to what their hours are', () => {
    const rows = Array.from({ length: 48 }, (_, hour) =>
      row(NOVEMBER + hour * HOUR_MS, { renders: hour, render_cpu_ms: 1_000 }),
    );
    const { stretches, total } = seriesOf(known({ rows, to: NOVEMBER + 2 * DAY_MS }), 'day');
    expect(stretches.map(({ usage }) => usage.renders)).toEqual([276, 852]);
    expect(stretches.map(({ costMicros }) => costMicros)).toEqual([24_000_000, 24_000_000]);
    expect(total.costMicros).toBe(48_000_000);
  });

  it('charges each hour by the prices that held in it: a change rewrites no history', () => {
    const rows = [0, 1, 2].map((hour) => row(NOVEMBER + hour * HOUR_MS, { render_cpu_ms: 1_000 }));
    const dearer = { from: new Date(NOVEMBER + 2 * HOUR_MS), prices: { ...PRICES, renderSecond: 9_000_000 } };
    const { stretches } = seriesOf(known({ rows, prices: [{ from: null, prices: PRICES }, dearer] }), 'hour');
    expect(stretches.map(({ costMicros }) => costMicros)).toEqual([1_000_000, 1_000_000, 9_000_000]);
  });

  it('charges a gigabyte that is stored for a month the same in February as in November', () => {
    const of = (from: number) => {
      const { end } = monthOf(from);
      const whole = known({ from, to: end, now: end + 1, openingBytes: GB });
      return Math.round(seriesOf(whole, 'day').total.costMicros);
    };
    expect([of(NOVEMBER), of(Date.parse('2026-02-01T00:00:00Z'))]).toEqual([30_000_000, 30_000_000]);
  });
});

describe('the forecast', () => {
  it('goes on with the rate of the last seven days and with what is stored, to the end of the month', () => {
    const now = NOVEMBER + 10 * DAY_MS;
    // A CPU second in each hour of the ten days, and a gigabyte since the beginning.
    const hours = Array.from({ length: 240 }, (_, hour) =>
      row(NOVEMBER + hour * HOUR_MS, { requests: 1, render_cpu_ms: 1_000 }),
    );
    const month = seriesOf(known({ to: monthOf(now).end, now, rows: hours, openingBytes: GB }), 'day');
    const from = now - 7 * DAY_MS;
    const week = seriesOf(known({ from, to: now, now, rows: hours.slice(72), openingBytes: GB }), 'hour');
    const { costMicros, overMs } = forecast(month, week, now, PRICES);
    expect(overMs).toBe(7 * DAY_MS);
    // 720 CPU seconds and one GB-month.
    expect(costMicros / 1e6).toBeCloseTo(720 + 30, 6);
  });

  it('takes the time since the first use where that is shorter than a week', () => {
    const now = NOVEMBER + DAY_MS;
    const rows = [row(NOVEMBER + 12 * HOUR_MS, { requests: 1, bytes_out: 6 * GB })];
    const series = seriesOf(known({ to: now, now, rows }), 'hour');
    // 12 of 12 million in half a day, and 29 days to come.
    expect(forecast(series, series, now, PRICES)).toEqual({ costMicros: 12e6 + 12e6 * 58, overMs: DAY_MS / 2 });
  });
});
