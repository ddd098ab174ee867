import type { Usage } from '@safelight/contract';
import { dayName, METER_NAMES, METERS, monthBegin } from '../usage-words.ts';

/** The same day by day in figures, and what a spreadsheet reads. */
export function UsageDays({ usage: { from, to, month, rows, currency } }: { usage: Usage }) {
  const isNow = monthBegin(from, 0) === monthBegin(month.from, 0);
  const address = (by: 'day' | 'hour') => {
    const query = new URLSearchParams({ by, format: 'csv', ...(isNow ? {} : { from, to }) });
    return { href: `/v1/usage?${query}`, download: `usage-${from.slice(0, 7)}-by-${by}.csv` };
  };
  return (
    <div className="usage-days">
      <p className="usage-downloads">
        Download as CSV:{' '}
        <a className="quiet-link" {...address('day')}>
          by day
        </a>
        <a className="quiet-link" {...address('hour')}>
          by hour
        </a>
      </p>
      <details>
        <summary>Day by day</summary>
        <table className="fleet-table">
          <thead>
            <tr>
              <th scope="col">Day</th>
              {METER_NAMES.map((meter) => (
                <th key={meter} scope="col" title={METERS[meter].title}>
                  {METERS[meter].name}
                </th>
              ))}
            </tr>
          </thead>
          <tbody>
            {rows.toReversed().map((row) => (
              <tr key={row.from}>
                <th scope="row">{dayName(row.from)}</th>
                {METER_NAMES.map((meter) => (
                  <td key={meter} data-name={METERS[meter].name}>
                    {METERS[meter].format(row[meter], currency)}
                  </td>
                ))}
              </tr>
            ))}
          </tbody>
        </table>
      </details>
    </div>
  );
}
