import { type Key, type NewKey, SCOPES, type Scope } from '@safelight/contract';
import { type FormEvent, useCallback, useEffect, useState } from 'react';
import type { Darkroom } from '../darkroom.ts';
import { formatTime, troubleOf } from '../words.ts';
import { ConfirmButton } from './confirm-button.tsx';
import { OnceSecret } from './once-secret.tsx';

const PAGE_KEYS = 100;
const DAY_SECONDS = 24 * 60 * 60;

interface KeysPageProps {
  readonly darkroom: Darkroom;
  readonly scopes: readonly Scope[];
  readonly onCopy: (text: string) => void;
}

/** The tenant's keys: made, shown once, rotated and ended. */
export function KeysPage({ darkroom, scopes, onCopy }: KeysPageProps) {
  const [keys, setKeys] = useState<readonly Key[]>();
  const [next, setNext] = useState<string>();
  const [fresh, setFresh] = useState<NewKey>();
  const { client, store } = darkroom;
  const load = useCallback(
    async (after?: string) => {
      try {
        const page = await client.keys.list({ limit: PAGE_KEYS, after });
        setKeys((before) => (after === undefined ? page.keys : [...(before ?? []), ...page.keys]));
        setNext(page.next);
      } catch (error) {
        store.say(troubleOf(error).text);
      }
    },
    [client, store],
  );
  useEffect(() => void load(), [load]);
  const doing = async (work: () => Promise<NewKey | Key>) => {
    try {
      const key = await work();
      setFresh('secret' in key ? key : undefined);
      await load();
    } catch (error) {
      store.say(troubleOf(error).text);
    }
  };
  return (
    <section className="desk" aria-labelledby="keys-title">
      <h1 id="keys-title">Keys</h1>
      <p className="desk-words">A key lets a server act for this tenant. It may do no more than you may.</p>
      {fresh && <OnceSecret label={`Secret of ${fresh.name || fresh.id}`} secret={fresh.secret} onCopy={onCopy} />}
      <NewKeyForm scopes={scopes} onMake={(wish) => doing(() => client.keys.create(wish))} />
      {keys && (
        <ul className="desk-list">
          {keys.map((key) => (
            <KeyRow
              key={key.id}
              shown={key}
              onRotate={() => doing(() => client.keys.rotate(key.id))}
              onRevoke={() => doing(() => client.keys.revoke(key.id))}
            />
          ))}
        </ul>
      )}
      {next !== undefined && (
        <button type="button" className="button" onClick={() => void load(next)}>
          Older keys
        </button>
      )}
    </section>
  );
}

interface KeyWish {
  readonly name: string;
  readonly scopes: Scope[];
  readonly expiresInSeconds?: number;
}

function NewKeyForm({ scopes, onMake }: { scopes: readonly Scope[]; onMake: (wish: KeyWish) => Promise<void> }) {
  const submit = (event: FormEvent<HTMLFormElement>) => {
    event.preventDefault();
    const form = event.currentTarget;
    const fields = new FormData(form);
    const days = Number(fields.get('days'));
    void onMake({
      name: String(fields.get('name')),
      scopes: fields.getAll('scope').map(String) as Scope[],
      ...(days > 0 && { expiresInSeconds: days * DAY_SECONDS }),
    }).then(() => form.reset());
  };
  return (
    <form className="desk-form" onSubmit={submit}>
      <label>
        Name
        <input name="name" maxLength={100} placeholder="What it is for" />
      </label>
      <label>
        Ends
        <select name="days" defaultValue="0">
          <option value="0">never</option>
          <option value="30">in 30 days</option>
          <option value="90">in 90 days</option>
          <option value="365">in a year</option>
        </select>
      </label>
      <fieldset>
        <legend>It may</legend>
        {scopes.map((scope) => (
          <label key={scope} title={SCOPES[scope]}>
            <input type="checkbox" name="scope" value={scope} defaultChecked={scope.startsWith('images:')} />
            {scope}
          </label>
        ))}
      </fieldset>
      <button type="submit" className="button button-primary">
        Make a key
      </button>
    </form>
  );
}

function KeyRow({ shown, onRotate, onRevoke }: { shown: Key; onRotate: () => void; onRevoke: () => void }) {
  const { name, id, scopes, state, createdAt, lastUsedAt, expiresAt, previousUntil } = shown;
  const facts = [
    `made ${formatTime(createdAt)}`,
    lastUsedAt ? `used ${formatTime(lastUsedAt)}` : 'never used',
    ...(expiresAt ? [`ends ${formatTime(expiresAt)}`] : []),
    ...(previousUntil && Date.parse(previousUntil) > Date.now()
      ? [`old secret until ${formatTime(previousUntil)}`]
      : []),
  ];
  return (
    <li className="desk-row">
      <div className="desk-row-words">
        <b>{name || id}</b> {state !== 'live' && <span className="desk-state">{state}</span>}
        <span className="desk-facts">{scopes.join(', ')}</span>
        <span className="desk-facts">{facts.join(' · ')}</span>
      </div>
      {state === 'live' && (
        <div className="desk-row-buttons">
          <button
            type="button"
            className="text-button"
            onClick={onRotate}
            title="A new secret; the old one opens for a day"
          >
            Rotate
          </button>
          <ConfirmButton text="Revoke" really="Really end it" onConfirm={onRevoke} />
        </div>
      )}
    </li>
  );
}
