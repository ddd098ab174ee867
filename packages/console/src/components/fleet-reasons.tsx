import { useMemo, useState } from 'react';
import { clockTime, type Decision, type Episode, episodes } from '../fleet-history.ts';
import { formatSeconds, sizeText, wayOf, whyText } from '../fleet-words.ts';
import { TableHead } from './table-head.tsx';

const ROWS = 15;

/** Every size that the fleet was given, and why; decisions in a row that say the same are one line. */
export function FleetReasons({ decisions }: { decisions: readonly Decision[] }) {
  const [rows, setRows] = useState(ROWS);
  const found = useMemo(() => episodes(decisions), [decisions]);
  if (found.length === 0) return null;
  return (
    <section className="fleet-panel" aria-labelledby="fleet-reasons">
      <h2 id="fleet-reasons">What was decided, and why</h2>
      <table className="fleet-table fleet-reasons">
        <TableHead names={['From', 'Workers', 'Why', 'Waiting', 'Drains in', 'Oldest']} />
        <tbody>
          {found.slice(0, rows).map((episode) => (
            <Row key={episode.first.id} episode={episode} />
          ))}
        </tbody>
      </table>
      {found.length > rows && (
        <button type="button" className="button" onClick={() => setRows(rows + 4 * ROWS)}>
          Show older
        </button>
      )}
    </section>
  );
}

function Row({ episode: { first, last, count } }: { episode: Episode }) {
  const { observations, drainSeconds } = last;
  const { live, normal } = observations.waitSecondsOldest;
  const [from, until] = [time(first.at), time(last.at)];
  return (
    <tr>
      <th scope="row">
        <time dateTime={first.at}>{from}</time>
        {count > 1 && <small>to {until}</small>}
      </th>
      <td data-name="Workers">
        <span className={`fleet-size-${wayOf(last)}`}>{sizeText(last)}</span>
      </td>
      <td data-name="Why" className="fleet-cell-wide">
        {whyText(last)}
      </td>
      <td data-name="Waiting">
        {observations.jobsQueued} {observations.jobsQueued === 1 ? 'job' : 'jobs'}
      </td>
      <td data-name="Drains in">{formatSeconds(drainSeconds)}</td>
      <td data-name="Oldest">{formatSeconds(Math.max(live, normal))}</td>
    </tr>
  );
}

/** The day only where it is not today. */
function time(iso: string): string {
  const at = new Date(iso);
  const isToday = at.toDateString() === new Date().toDateString();
  return isToday
    ? clockTime(at.getTime())
    : `${at.toLocaleDateString(undefined, { dateStyle: 'short' })} ${clockTime(at.getTime())}`;
}
