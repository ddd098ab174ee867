import type { AuditedEvent } from '@safelight/contract';
import { actorText, eventText, originText } from '../event-words.ts';
import { formatTime } from '../words.ts';
import { TableHead } from './table-head.tsx';

interface LogTableProps {
  readonly events: readonly AuditedEvent[];
  /** Asks for what somebody did. */
  readonly onActor: (actor: string) => void;
  /** Asks for what happened to an image. */
  readonly onImage: (image: string) => void;
}

/** Lines of the log. On a narrow screen each is a card, whose cells say what they are. */
export function LogTable({ events, onActor, onImage }: LogTableProps) {
  return (
    <table className="fleet-table log">
      <TableHead names={['What', 'When', 'Who', 'From', 'About']} />
      <tbody>
        {events.map((event) => (
          <Line key={event.position} event={event} onActor={onActor} onImage={onImage} />
        ))}
      </tbody>
    </table>
  );
}

function Line({ event, onActor, onImage }: Omit<LogTableProps, 'events'> & { event: AuditedEvent }) {
  const { position, type, at, actor, subject, imageId } = event;
  return (
    <tr>
      <th scope="row">
        {eventText(type)}
        <Details event={event} />
      </th>
      <td data-name="When">
        <time dateTime={at} title={at}>
          {formatTime(at)}
        </time>
      </td>
      <td data-name="Who">
        <button
          type="button"
          className="log-id"
          onClick={() => onActor(actor)}
          title={`${actor}: show only what they did`}
        >
          {actorText(actor) ?? <Id text={actor} />}
        </button>
      </td>
      <td data-name="From">{originText(event) ?? <span className="log-nowhere">–</span>}</td>
      <td data-name="About">
        {imageId === undefined ? (
          <span className="log-id" title={subject}>
            <Id text={subject} />
          </span>
        ) : (
          <button
            type="button"
            className="log-id"
            onClick={() => onImage(imageId)}
            title={`${imageId}: show only what happened to it`}
          >
            <Id text={imageId} />
          </button>
        )}
        <span className="unseen">, line {position}</span>
      </td>
    </tr>
  );
}

/** An id by its ends: its beginning says what it is of, and its end tells it from others of the same time. */
function Id({ text }: { text: string }) {
  const short = /^[a-z]+_[\w-]{20,}$/.test(text) ? `${text.slice(0, text.indexOf('_') + 1)}…${text.slice(-6)}` : text;
  return <code>{short}</code>;
}

function Details({ event }: { event: AuditedEvent }) {
  const { position, id, type, actor, subject, data, personal, hash } = event;
  return (
    <details className="log-details">
      <summary>
        {type} <span className="unseen">in full, line {position}</span>
      </summary>
      <pre>{JSON.stringify({ position, id, actor, subject, data, personal, hash }, null, 2)}</pre>
    </details>
  );
}
