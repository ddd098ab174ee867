import type { Webhook, WebhookDelivery } from '@safelight/contract';
import { useCallback, useEffect, useState } from 'react';
import type { Darkroom } from '../darkroom.ts';
import { useAsked } from '../use-asked.ts';
import { answerText } from '../webhook-words.ts';
import { formatTime, troubleOf } from '../words.ts';
import { DeskTrouble } from './desk-trouble.tsx';
import { TableHead } from './table-head.tsx';

const FIRST_DELIVERIES = 20;
/** The most that one page of the service has. */
const DELIVERIES_MAX = 200;
const LOOK_EVERY_MS = 3_000;
const DAY_MS = 86_400_000;

type State = WebhookDelivery['state'];

/** What became of the messages to one webhook, the newest first; looked at again while it is open. */
export function WebhookDeliveries({ webhook: { id, url }, darkroom }: { webhook: Webhook; darkroom: Darkroom }) {
  const [limit, setLimit] = useState(FIRST_DELIVERIES);
  const [state, setState] = useState<State>();
  const { client, store } = darkroom;
  const ask = useCallback(
    () => darkroom.within(() => client.webhooks.deliveries(id, { limit, state })),
    [darkroom, client, id, limit, state],
  );
  const { found, trouble, again } = useAsked(ask);
  useEffect(() => {
    const timer = window.setInterval(() => void (document.hidden || again()), LOOK_EVERY_MS);
    return () => window.clearInterval(timer);
  }, [again]);
  const send = async (what: Parameters<typeof client.webhooks.redeliver>[1]) => {
    try {
      const queued = await darkroom.within(() => client.webhooks.redeliver(id, what));
      store.say(
        queued === 0 ? 'Nothing was missed.' : `${queued} ${queued === 1 ? 'message' : 'messages'} sent again.`,
      );
    } catch (error) {
      store.say(troubleOf(error).text);
    }
    await again();
  };
  return (
    <section className="webhook-deliveries" aria-label={`Deliveries to ${url}`}>
      <div className="webhook-deliveries-head">
        <select
          className="field-small"
          aria-label="Deliveries that are"
          value={state ?? ''}
          onChange={(event) => setState((event.target.value || undefined) as State | undefined)}
        >
          <option value="">all deliveries</option>
          <option value="pending">pending</option>
          <option value="delivered">delivered</option>
          <option value="failed">failed</option>
        </select>
        <button
          type="button"
          className="text-button"
          title="What failed for good in the last day, or happened while it was disabled"
          onClick={() => void send({ since: new Date(Date.now() - DAY_MS).toISOString() })}
        >
          Send what was missed in a day
        </button>
      </div>
      {trouble && <DeskTrouble trouble={trouble} onRetry={() => void again()} />}
      {found?.deliveries.length === 0 && <p className="desk-words">None in the last 30 days.</p>}
      {found && found.deliveries.length > 0 && (
        <DeliveryTable deliveries={found.deliveries} onSend={(eventId) => void send({ eventId })} />
      )}
      {found?.next !== undefined && limit < DELIVERIES_MAX && (
        <button type="button" className="button" onClick={() => setLimit(DELIVERIES_MAX)}>
          Older deliveries
        </button>
      )}
    </section>
  );
}

const STATE_LAMPS: Readonly<Record<State, string>> = { delivered: 'up', pending: 'starting', failed: 'gone' };

interface DeliveryTableProps {
  readonly deliveries: readonly WebhookDelivery[];
  readonly onSend: (eventId: string) => void;
}

function DeliveryTable({ deliveries, onSend }: DeliveryTableProps) {
  return (
    <table className="fleet-table">
      <TableHead names={['Event', 'State', 'Answer', 'Attempts', 'Happened']} unseen="What to do" />
      <tbody>
        {deliveries.map((delivery) => (
          <tr key={delivery.eventId}>
            <th scope="row" title={delivery.eventId}>
              {delivery.type}
            </th>
            <td data-name="State">
              <span className={`fleet-state fleet-state-${STATE_LAMPS[delivery.state]}`}>{delivery.state}</span>
            </td>
            <td data-name="Answer">{answerText(delivery)}</td>
            <td data-name="Attempts">
              {delivery.attempts}
              {delivery.nextAt !== undefined && <small>next {formatTime(delivery.nextAt)}</small>}
            </td>
            <td data-name="Happened">
              <time dateTime={delivery.createdAt}>{formatTime(delivery.createdAt)}</time>
            </td>
            <td>
              <button type="button" className="text-button" onClick={() => onSend(delivery.eventId)}>
                Send again
              </button>
            </td>
          </tr>
        ))}
      </tbody>
    </table>
  );
}
