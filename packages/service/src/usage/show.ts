import type { Usage as UsageResource } from '@safelight/contract';
import { HOUR_MS, type Usage } from './model.ts';
import type { UsageReport } from './read.ts';
import type { Stretch } from './series.ts';

/** What the contract calls the quantities, in its units. */
export function quantitiesOf(usage: Usage) {
  return {
    requests: usage.requests,
    bytesIn: usage.bytesIn,
    bytesOut: usage.bytesOut,
    storedByteHours: Math.round(usage.storedByteMs / HOUR_MS),
    renders: usage.renders,
    renderSeconds: usage.renderCpuMs / 1_000,
    megapixels: usage.pixels / 1e6,
  };
}

/** The report as API and command line show it. */
export function toUsageResource(report: UsageReport, by: 'hour' | 'day'): UsageResource {
  const { from, to, currency, series, month } = report;
  const { total } = series;
  return {
    ...{ from: iso(from), to: iso(to), by, currency },
    rows: series.stretches.map(toRow),
    total: { ...quantitiesOf(total.usage), costMicros: Math.round(total.costMicros) },
    month: {
      from: iso(month.start),
      to: iso(month.end),
      costMicros: Math.round(month.costMicros),
      forecastMicros: Math.round(month.forecastMicros),
      forecastOverSeconds: Math.round(month.forecastOverMs / 1_000),
      storedBytes: month.storedBytes,
    },
  };
}

/** RFC 4180, one line for each row; no value needs quoting. */
export function usageCsv({ rows, currency }: UsageResource): string {
  const head = ['from', 'to', ...COLUMNS, 'costMicros', 'currency'];
  const lines = rows.map((row) => [row.from, row.to, ...COLUMNS.map((name) => row[name]), row.costMicros, currency]);
  return [head, ...lines].map((line) => `${line.join(',')}\r\n`).join('');
}

const COLUMNS = [
  'requests',
  'bytesIn',
  'bytesOut',
  'storedByteHours',
  'renders',
  'renderSeconds',
  'megapixels',
] as const satisfies readonly (keyof ReturnType<typeof quantitiesOf>)[];

function toRow({ from, to, usage, costMicros }: Stretch): UsageResource['rows'][number] {
  return { from: iso(from), to: iso(to), ...quantitiesOf(usage), costMicros: Math.round(costMicros) };
}

function iso(ms: number): string {
  return new Date(ms).toISOString();
}
