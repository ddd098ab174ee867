import type { EventType, WebhookWish } from '@safelight/contract';
import { type FormEvent, useCallback, useState } from 'react';
import type { Darkroom } from '../darkroom.ts';
import { EVENT_TYPES, eventText } from '../event-words.ts';
import { useAsked } from '../use-asked.ts';
import { troubleOf } from '../words.ts';
import { DeskTrouble } from './desk-trouble.tsx';
import { OnceSecret } from './once-secret.tsx';
import { WebhookRow } from './webhook-row.tsx';

interface WebhooksPageProps {
  readonly darkroom: Darkroom;
  readonly onCopy: (text: string) => void;
}

/** A secret that was just made, and of what. */
interface Fresh {
  readonly id: string;
  readonly label: string;
  readonly secret: string;
}

/** Where the tenant's own servers are told what happens. */
export function WebhooksPage({ darkroom, onCopy }: WebhooksPageProps) {
  const [fresh, setFresh] = useState<Fresh>();
  const { client, store } = darkroom;
  const ask = useCallback(() => darkroom.within(() => client.webhooks.list()), [darkroom, client]);
  const { found: webhooks, trouble, again } = useAsked(ask);
  /** @returns whether it was done. */
  const doing = async (work: () => Promise<unknown>, said?: string): Promise<boolean> => {
    try {
      await darkroom.within(work);
      if (said !== undefined) store.say(said);
    } catch (error) {
      store.say(troubleOf(error).text);
      return false;
    }
    await again();
    return true;
  };
  const create = (wish: WebhookWish) =>
    doing(async () => {
      const { id, url, secret } = await client.webhooks.create(wish);
      setFresh({ id, label: `Secret of ${url}`, secret });
    });
  const rotate = (id: string, url: string) =>
    doing(async () => {
      const { secret } = await client.webhooks.rotateSecret(id);
      setFresh({ id, label: `New secret of ${url}`, secret });
    }, 'Messages are signed by both secrets for a day.');
  const remove = (id: string) =>
    doing(async () => {
      await client.webhooks.remove(id);
      setFresh((shown) => (shown?.id === id ? undefined : shown));
    }, 'Removed.');
  return (
    <section className="desk" aria-labelledby="webhooks-title">
      <h1 id="webhooks-title">Webhooks</h1>
      <p className="desk-words">
        An address of yours is told what happens, at least once, signed as Standard Webhooks have it.
      </p>
      {fresh && <OnceSecret label={fresh.label} secret={fresh.secret} onCopy={onCopy} />}
      <NewWebhookForm onMake={create} />
      {trouble && <DeskTrouble trouble={trouble} onRetry={() => void again()} />}
      {webhooks?.length === 0 && <p className="desk-words">There is none yet.</p>}
      <ul className="desk-list">
        {webhooks?.map((webhook) => (
          <WebhookRow
            key={webhook.id}
            webhook={webhook}
            darkroom={darkroom}
            onTest={() => doing(() => client.webhooks.test(webhook.id), 'A test message is on its way.')}
            onRotate={() => void rotate(webhook.id, webhook.url)}
            onState={(state) => void doing(() => client.webhooks.change(webhook.id, { state }))}
            onRemove={() => void remove(webhook.id)}
          />
        ))}
      </ul>
    </section>
  );
}

/** @param onMake answers whether it was made. */
function NewWebhookForm({ onMake }: { onMake: (wish: WebhookWish) => Promise<boolean> }) {
  const submit = async (event: FormEvent<HTMLFormElement>) => {
    event.preventDefault();
    const form = event.currentTarget;
    const fields = new FormData(form);
    const eventTypes = fields.getAll('type').map(String) as EventType[];
    const made = await onMake({
      url: String(fields.get('url')).trim(),
      description: String(fields.get('description')),
      ...(eventTypes.length > 0 && { eventTypes }),
    });
    if (made) form.reset();
  };
  return (
    <form className="desk-form webhook-form" onSubmit={(event) => void submit(event)}>
      <label>
        Address
        <input name="url" type="url" required maxLength={2000} placeholder="https://example.org/safelight" />
      </label>
      <label>
        What it is for
        <input name="description" maxLength={255} />
      </label>
      <button type="submit" className="button button-primary">
        Add a webhook
      </button>
      <details className="webhook-kinds">
        <summary>Only some events (none marked: all)</summary>
        <fieldset>
          <legend className="unseen">Events</legend>
          {EVENT_TYPES.map((type) => (
            <label key={type} title={eventText(type)}>
              <input type="checkbox" name="type" value={type} />
              {type}
            </label>
          ))}
        </fieldset>
      </details>
    </form>
  );
}
