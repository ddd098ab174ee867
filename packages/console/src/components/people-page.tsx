import { type Invitation, PERSON_ROLES, type Person, type PersonRole } from '@safelight/contract';
import { type FormEvent, useCallback, useEffect, useState } from 'react';
import type { Darkroom } from '../darkroom.ts';
import { formatTime, troubleOf } from '../words.ts';
import { ConfirmButton } from './confirm-button.tsx';
import { OnceSecret } from './once-secret.tsx';

const PAGE_PEOPLE = 100;

interface PeoplePageProps {
  readonly darkroom: Darkroom;
  readonly onCopy: (text: string) => void;
}

/** The people of the tenant: invited by a link that is handed over, given a role, taken out. */
export function PeoplePage({ darkroom, onCopy }: PeoplePageProps) {
  const [people, setPeople] = useState<readonly Person[]>();
  const [next, setNext] = useState<string>();
  const [invited, setInvited] = useState<Invitation>();
  const { client, store } = darkroom;
  const load = useCallback(
    async (after?: string) => {
      try {
        const page = await client.people.list({ limit: PAGE_PEOPLE, after });
        setPeople((before) => (after === undefined ? page.people : [...(before ?? []), ...page.people]));
        setNext(page.next);
      } catch (error) {
        store.say(troubleOf(error).text);
      }
    },
    [client, store],
  );
  useEffect(() => void load(), [load]);
  const doing = async (work: () => Promise<unknown>) => {
    try {
      await work();
    } catch (error) {
      store.say(troubleOf(error).text);
    }
    await load();
  };
  const invite = (email: string, role: PersonRole) =>
    doing(async () => setInvited(await client.people.invite({ email, role })));
  return (
    <section className="desk" aria-labelledby="people-title">
      <h1 id="people-title">People</h1>
      <p className="desk-words">Invite somebody, and hand over the link: it is good for a fortnight, and once.</p>
      {invited && <OnceSecret label={`Link for ${invited.email}`} secret={invited.link} onCopy={onCopy} />}
      <InviteForm onInvite={invite} />
      <ul className="desk-list">
        {people?.map((person) => (
          <PersonRow
            key={person.id}
            person={person}
            onRole={(role) => void doing(() => client.people.changeRole(person.id, role))}
            onRemove={() => void doing(() => client.people.remove(person.id))}
          />
        ))}
      </ul>
      {next !== undefined && (
        <button type="button" className="button" onClick={() => void load(next)}>
          More people
        </button>
      )}
    </section>
  );
}

function InviteForm({ onInvite }: { onInvite: (email: string, role: PersonRole) => Promise<void> }) {
  const invite = (event: FormEvent<HTMLFormElement>) => {
    event.preventDefault();
    const form = event.currentTarget;
    const fields = new FormData(form);
    void onInvite(String(fields.get('email')), String(fields.get('role')) as PersonRole).then(() => form.reset());
  };
  return (
    <form className="desk-form" onSubmit={invite}>
      <label>
        E-mail
        <input name="email" type="email" required />
      </label>
      <label>
        Role
        <select name="role" defaultValue="editor">
          {PERSON_ROLES.map((role) => (
            <option key={role}>{role}</option>
          ))}
        </select>
      </label>
      <button type="submit" className="button button-primary">
        Invite
      </button>
    </form>
  );
}

interface PersonRowProps {
  readonly person: Person;
  readonly onRole: (role: PersonRole) => void;
  readonly onRemove: () => void;
}

function PersonRow({ person, onRole, onRemove }: PersonRowProps) {
  const { email, role, state, since, lastSeenAt, expiresAt } = person;
  const isMember = state === 'member';
  const facts = isMember
    ? `since ${formatTime(since)}${lastSeenAt ? ` · seen ${formatTime(lastSeenAt)}` : ''}`
    : `invited ${formatTime(since)}${expiresAt ? ` · until ${formatTime(expiresAt)}` : ''}`;
  return (
    <li className="desk-row">
      <div className="desk-row-words">
        <b>{email}</b> {!isMember && <span className="desk-state">{role}, invited</span>}
        <span className="desk-facts">{facts}</span>
      </div>
      <div className="desk-row-buttons">
        {isMember && (
          <select
            className="field-small"
            aria-label={`Role of ${email}`}
            value={role}
            onChange={(event) => onRole(event.target.value as PersonRole)}
          >
            {PERSON_ROLES.map((one) => (
              <option key={one}>{one}</option>
            ))}
          </select>
        )}
        <ConfirmButton text="Remove" really="Really remove" onConfirm={onRemove} />
      </div>
    </li>
  );
}
