import type { Invitation, PersonRole, Session } from '@safelight/contract';
import { expect } from 'vitest';
import type { Safelight } from './safelight.ts';

export const PASSWORD = 'a safelight is a lamp';

/** A browser that has logged in: its cookie, and what its page knows. */
export interface Visitor {
  readonly cookie: string;
  readonly session: Session;
}

/** The cookie that an answer sets, as `name=value`; undefined when it sets none. */
export function cookieOf(response: Response, name = 'safelight_person'): string | undefined {
  return response.headers
    .getSetCookie()
    .map((cookie) => cookie.split(';')[0] ?? '')
    .find((cookie) => cookie.startsWith(`${name}=`));
}

/** A request with JSON and these headers alone. */
export function ask(
  node: Pick<Safelight, 'url'>,
  method: string,
  path: string,
  body?: unknown,
  headers: Record<string, string> = {},
): Promise<Response> {
  return fetch(`${node.url}${path}`, {
    method,
    redirect: 'manual',
    headers: { ...(body !== undefined && { 'content-type': 'application/json' }), ...headers },
    ...(body !== undefined && { body: JSON.stringify(body) }),
  });
}

/** The same as a page does it: with the cookie, the token of the session and the page's own origin. */
export function askAs(
  node: Pick<Safelight, 'url'>,
  { cookie, session }: Visitor,
  method: string,
  path: string,
  body?: unknown,
): Promise<Response> {
  return ask(node, method, path, body, { cookie, origin: node.url, 'x-csrf-token': session.csrf ?? '' });
}

/** Who has come in by an answer. */
export async function visitorOf(response: Response): Promise<Visitor> {
  const text = await response.text();
  expect(response.status, text).toBe(200);
  const cookie = cookieOf(response);
  expect(cookie).toMatch(/^safelight_person=[A-Za-z0-9_-]{43}$/);
  return { cookie: cookie ?? '', session: JSON.parse(text) as Session };
}

/** Invites by a key, and answers the token of the link. */
export async function inviteBy(
  node: Pick<Safelight, 'url'>,
  key: { authorization: string },
  email: string,
  role: PersonRole,
): Promise<{ invitation: Invitation; token: string }> {
  const response = await ask(node, 'POST', '/v1/people', { email, role }, key);
  const text = await response.text();
  expect(response.status, text).toBe(201);
  const invitation = JSON.parse(text) as Invitation;
  const token = /#invitation=([A-Za-z0-9_-]{43})$/.exec(invitation.link)?.[1];
  return { invitation, token: token ?? '' };
}

/** A new person of a role, who has taken an invitation and is logged in. */
export async function personOf(
  node: Pick<Safelight, 'url'>,
  key: { authorization: string },
  email: string,
  role: PersonRole,
): Promise<Visitor> {
  const { token } = await inviteBy(node, key, email, role);
  return visitorOf(await ask(node, 'POST', '/v1/session/invitation', { token, password: PASSWORD }));
}

export function logIn(node: Pick<Safelight, 'url'>, email: string, password: string): Promise<Response> {
  return ask(node, 'POST', '/v1/session', { email, password });
}
