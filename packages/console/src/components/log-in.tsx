import { PASSWORD_CHARACTERS_MIN, type WaysIn } from '@safelight/contract';
import { type FormEvent, useEffect, useState } from 'react';
import type { Darkroom } from '../darkroom.ts';
import { startAnew } from '../start-anew.ts';
import { troubleOf } from '../words.ts';
import { Lamp } from './lamp.tsx';

const INVITATION = /^#invitation=([\w-]{43})$/;

/** The token of the invitation whose link opened the page, if one did. */
export function invitationOf(hash: string): string | undefined {
  return INVITATION.exec(hash)?.[1];
}

/** Why the way over the provider ended here, as the service told it in the address. */
const REFUSALS: Readonly<Record<string, string>> = {
  not_invited: 'Nobody has invited the e-mail that you are known by there.',
  unverified: 'Your provider does not vouch for your e-mail address.',
  provider: 'The log-in by your organisation did not work. Try again.',
};

/** The way in: by e-mail and password, by the organisation's own log-in, or by an invitation. */
export function LogIn({ darkroom, known, hash }: { darkroom: Darkroom; known: WaysIn | undefined; hash: string }) {
  const [ways, setWays] = useState(known);
  useEffect(() => {
    if (!known) darkroom.client.session.ways().then(setWays, () => undefined);
  }, [darkroom, known]);
  const token = invitationOf(hash);
  const refusal = new URLSearchParams(location.search).get('log-in');
  const [trouble, setTrouble] = useState(refusal === null ? undefined : (REFUSALS[refusal] ?? REFUSALS.provider));
  const [isBusy, setBusy] = useState(false);
  const submit = async (event: FormEvent<HTMLFormElement>) => {
    event.preventDefault();
    const fields = new FormData(event.currentTarget);
    const password = String(fields.get('password'));
    setBusy(true);
    setTrouble(undefined);
    try {
      const { session } = darkroom.client;
      if (token) await session.acceptInvitation({ token, password });
      else await session.logIn({ email: String(fields.get('email')), password });
      startAnew();
    } catch (error) {
      setTrouble(troubleOf(error).text);
      setBusy(false);
    }
  };
  return (
    <section className="log-in" aria-labelledby="log-in-title">
      <div className="log-in-lamp">
        <Lamp />
      </div>
      <h1 id="log-in-title">{token ? 'You are invited' : 'Log in'}</h1>
      {token && (
        <p>Choose a password. If you have an account here already, give its password: this adds the tenant to it.</p>
      )}
      <form onSubmit={(event) => void submit(event)}>
        {!token && (
          <label>
            E-mail
            <input name="email" type="email" autoComplete="username" required />
          </label>
        )}
        <label>
          Password
          <input
            name="password"
            type="password"
            autoComplete={token ? 'new-password' : 'current-password'}
            minLength={token ? PASSWORD_CHARACTERS_MIN : undefined}
            required
          />
        </label>
        {token && <p className="log-in-hint">{PASSWORD_CHARACTERS_MIN} characters or more. A few words do well.</p>}
        {trouble && (
          <p className="log-in-trouble" role="alert">
            {trouble}
          </p>
        )}
        <button type="submit" className="button button-primary" disabled={isBusy}>
          {token ? 'Come in' : 'Log in'}
        </button>
      </form>
      {ways?.oidc && (
        <a className="button log-in-oidc" href="/v1/session/oidc">
          Log in by your organisation
        </a>
      )}
    </section>
  );
}
