import type { Budget } from '@safelight/contract';
import { describe, expect, it, test } from 'vitest';
import { budgetShares, daysOf, formatMoney, METERS, microsOf, monthBegin, standingText } from './usage-words.ts';

const plain = (text: string) => text.replaceAll('\u00a0', ' ');

test.each([
  [0, '€0.00'],
  [1, '€0.000001'],
  [2_144, '€0.00214'],
  [500_000, '€0.50'],
  [1_234_567_891, '€1,234.57'],
])('%d millionths of a euro are %s', (micros, text) => expect(formatMoney(micros, 'EUR')).toBe(text));

test.each([
  ['', null],
  ['  ', null],
  ['0', 0],
  ['12.5', 12_500_000],
  ['0.000001', 1],
  ['0.1', 100_000],
  ['9007199254', 9_007_199_254_000_000],
  ['9999999999', undefined],
  ['-1', undefined],
  ['1e3', undefined],
  ['0.0000001', undefined],
  ['ten', undefined],
])('a bound written as "%s" is %s millionths', (text, micros) => expect(microsOf(text)).toBe(micros));

describe('a month', () => {
  const row = { from: '', to: '', requests: 0, bytesIn: 0, bytesOut: 0, storedByteHours: 0, renders: 0 };
  const rest = { renderSeconds: 0, megapixels: 0, costMicros: 0 };

  it('begins in UTC, also across the end of a year', () => {
    expect(monthBegin('2026-11-01T00:00:00.000Z', 1)).toBe('2026-12-01T00:00:00.000Z');
    expect(monthBegin('2026-11-22T13:00:00.000Z', 2)).toBe('2027-01-01T00:00:00.000Z');
    expect(monthBegin('2026-01-01T00:00:00.000Z', -1)).toBe('2025-12-01T00:00:00.000Z');
  });

  it('has a value for each day that has begun', () => {
    const from = '2026-02-01T00:00:00.000Z';
    const second = { ...row, ...rest, from: '2026-02-02T00:00:00.000Z', requests: 7 };
    const days = daysOf({ from, rows: [{ ...row, ...rest, from }, second] }, 'requests');
    expect(days).toHaveLength(28);
    expect(days.slice(0, 3)).toEqual([0, 7, null]);
  });
});

describe('a meter', () => {
  it('ends its axis at a round number in its own unit, never below the greatest value', () => {
    expect(METERS.requests.axis(37)).toBe(40);
    expect(METERS.bytesOut.axis(3 * 1024 ** 2)).toBe(4 * 1024 ** 2);
    expect(METERS.bytesOut.axis(1023 * 1024)).toBe(2000 * 1024);
    expect(METERS.megapixels.axis(0.37)).toBe(0.4);
    expect(METERS.megapixels.axis(0)).toBeGreaterThan(0);
  });

  it('is written in its unit', () => {
    expect(plain(METERS.storedByteHours.format(3 * 1024 ** 3, 'EUR'))).toBe('3 GiB h');
    expect(METERS.requests.format(12_345, 'EUR')).toBe('12,345');
    expect(METERS.megapixels.format(0.0123, 'EUR')).toBe('0.012');
  });
});

describe('a budget', () => {
  const budget: Budget = {
    ...{ currency: 'EUR', softMicros: 40, hardMicros: 80, policy: 'refuse' },
    ...{ meteredMicros: 20, reservedMicros: 20, standing: 'saving' },
  };

  it('is drawn against its greatest bound, or against what was spent beyond it', () => {
    expect(budgetShares(budget)).toEqual({ metered: 0.25, committed: 0.5, soft: 0.5, hard: 1 });
    expect(budgetShares({ ...budget, meteredMicros: 140 })).toMatchObject({ committed: 1, hard: 0.5 });
    expect(
      budgetShares({ ...budget, softMicros: null, hardMicros: null, meteredMicros: 0, reservedMicros: 0 }),
    ).toEqual({
      ...{ metered: 0, committed: 0, soft: undefined, hard: undefined },
    });
  });

  it('tells how it stands', () => {
    expect(standingText(budget)).toBe('The alert is reached.');
    expect(standingText({ ...budget, softMicros: null })).toBe('The stop is near.');
    expect(standingText({ ...budget, standing: 'open' })).toBe('Within the budget.');
    expect(standingText({ ...budget, softMicros: null, hardMicros: null })).toContain('No ceiling');
  });
});
