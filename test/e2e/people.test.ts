import { type PeoplePage, ROLE_SCOPES, sessionSchema, TENANT_SCOPES } from '@safelight/contract';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { expectProblem } from '../support/answers.ts';
import { keyOf, withNodeDatabase } from '../support/node-database.ts';
import {
  ask,
  askAs,
  cookieOf,
  inviteBy,
  logIn,
  PASSWORD,
  personOf,
  type Visitor,
  visitorOf,
} from '../support/people.ts';
import { Safelight } from '../support/safelight.ts';

let node: Safelight;
let studio: { authorization: string };
let rival: { authorization: string };
let owner: Visitor;

beforeAll(async () => {
  // Tests stand for a balancer where they say who is behind it.
  node = await Safelight.start({ env: { SAFELIGHT_TRUSTED_PROXIES: '127.0.0.1' } });
  studio = await keyOf(node, 'studio', TENANT_SCOPES);
  rival = await keyOf(node, 'rival', TENANT_SCOPES);
  owner = await personOf(node, studio, 'owner@studio.example', 'owner');
});
afterAll(() => node.close());

const listed = async (key: { authorization: string }) =>
  ((await (await ask(node, 'GET', '/v1/people?limit=200', undefined, key)).json()) as PeoplePage).people;

/** Hashes of passwords that the node has made so far. */
async function hashes(): Promise<number> {
  const text = await (await fetch(`${node.url}/metrics`)).text();
  return Number(/^safelight_password_hashes_total (\d+)$/m.exec(text)?.[1]);
}

describe('a log-in', () => {
  it('opens a session by e-mail, in upper case too, and password', async () => {
    const { session, cookie } = await visitorOf(await logIn(node, 'OWNER@studio.example', PASSWORD));
    expect(sessionSchema.strict().parse(session)).toMatchObject({
      kind: 'person',
      tenant: 'studio',
      tenants: ['studio'],
      person: { email: 'owner@studio.example', role: 'owner', hasPassword: true },
    });
    const again = await ask(node, 'GET', '/v1/session', undefined, { cookie });
    expect(await again.json()).toEqual(session);
  });

  it('sets a cookie that no script reads and no foreign page sends', async () => {
    const response = await logIn(node, 'owner@studio.example', PASSWORD);
    expect(response.headers.getSetCookie()).toEqual([
      expect.stringMatching(/^safelight_person=[\w-]{43}; Path=\/; HttpOnly; SameSite=Strict$/),
    ]);
  });

  it('answers alike, after the same work, whether nobody is there or the password is wrong', async () => {
    const bodies = new Set<string>();
    for (const [email, password] of [
      ['nobody@studio.example', PASSWORD],
      ['owner@studio.example', 'not the password at all'],
    ] as const) {
      const before = await hashes();
      const problem = await expectProblem(await logIn(node, email, password), 'log_in_failed');
      expect(await hashes()).toBe(before + 1);
      bodies.add(JSON.stringify({ ...problem, requestId: '' }));
    }
    expect(bodies.size).toBe(1);
  });

  it('takes no session along that somebody else laid into the browser', async () => {
    const laid = `safelight_person=${'A'.repeat(43)}`;
    const response = await ask(
      node,
      'POST',
      '/v1/session',
      { email: 'owner@studio.example', password: PASSWORD },
      { cookie: laid },
    );
    const { cookie } = await visitorOf(response);
    expect(cookie).not.toBe(laid);
    await expectProblem(await ask(node, 'GET', '/v1/session', undefined, { cookie: laid }), 'session_ended');
    // Nor is the session before it the one behind it.
    const next = await visitorOf(
      await ask(node, 'POST', '/v1/session', { email: 'owner@studio.example', password: PASSWORD }, { cookie }),
    );
    expect(next.cookie).not.toBe(cookie);
  });

  it('is refused to a page of another origin, and to a form', async () => {
    const wish = { email: 'owner@studio.example', password: PASSWORD };
    const foreign = await ask(node, 'POST', '/v1/session', wish, { origin: 'https://evil.example' });
    await expectProblem(foreign, 'origin_refused');
    const form = await fetch(`${node.url}/v1/session`, {
      method: 'POST',
      headers: { 'content-type': 'text/plain' },
      body: JSON.stringify(wish),
    });
    await expectProblem(form, 'media_type_unsupported');
  });

  it('is locked after five failures, for an account that is there as for one that is not', async () => {
    await personOf(node, studio, 'locked@studio.example', 'viewer');
    for (const email of ['locked@studio.example', 'never@studio.example']) {
      for (let failure = 0; failure < 5; failure += 1) {
        await expectProblem(await logIn(node, email, 'a wrong password'), 'log_in_failed');
      }
      const before = await hashes();
      const problem = await logIn(node, email, PASSWORD);
      expect(Number(problem.headers.get('retry-after'))).toBeGreaterThan(0);
      await expectProblem(problem, 'log_in_locked');
      expect(await hashes()).toBe(before);
    }
    // The right password opens again when the time is over.
    await expect
      .poll(async () => (await logIn(node, 'locked@studio.example', PASSWORD)).status, { interval: 300 })
      .toBe(200);
  });

  it('counts guesses that come at once one by one', async () => {
    await personOf(node, studio, 'crowd@studio.example', 'viewer');
    const guesses = Array.from({ length: 12 }, (_, guess) => logIn(node, 'crowd@studio.example', `guess ${guess}`));
    const statuses = (await Promise.all(guesses)).map(({ status }) => status);
    expect(statuses.filter((status) => status === 401).length).toBeLessThanOrEqual(7);
    expect(statuses).toContain(429);
  });

  it('is locked for an address that fails with many accounts, and for no other', async () => {
    const from = (address: string, email: string) =>
      ask(node, 'POST', '/v1/session', { email, password: PASSWORD }, { 'x-forwarded-for': address });
    const statuses: number[] = [];
    for (let guess = 0; guess < 51; guess += 10) {
      const tries = Array.from({ length: 10 }, (_, one) => from('203.0.113.7', `g${guess + one}@studio.example`));
      statuses.push(...(await Promise.all(tries)).map(({ status }) => status));
    }
    expect(statuses.filter((status) => status === 401)).toHaveLength(50);
    // Not by the owner of an account of his own either, who could else guess on after each.
    expect((await from('203.0.113.7', 'owner@studio.example')).status).toBe(429);
    expect((await from('203.0.113.8', 'owner@studio.example')).status).toBe(200);
    // One network of IPv6 is one address.
    expect((await from('2001:db8::1', 'g0@studio.example')).status).toBe(401);
  });

  it('behind TLS sets a cookie that no neighbour and no page without TLS can set', async () => {
    const headers = { 'x-forwarded-proto': 'https' };
    const wish = { email: 'owner@studio.example', password: PASSWORD };
    const response = await ask(node, 'POST', '/v1/session', wish, headers);
    const [set = ''] = response.headers.getSetCookie();
    expect(set).toMatch(/^__Host-safelight_person=[\w-]{43}; Path=\/; HttpOnly; SameSite=Strict; Secure$/);
    const [cookie = ''] = set.split(';');
    expect((await ask(node, 'GET', '/v1/session', undefined, { ...headers, cookie })).status).toBe(200);
    const bare = cookie.replace('__Host-', '');
    await expectProblem(await ask(node, 'GET', '/v1/session', undefined, { ...headers, cookie: bare }), 'key_missing');
  });

  it('ends at once for whoever logs out', async () => {
    const visitor = await visitorOf(await logIn(node, 'owner@studio.example', PASSWORD));
    expect((await askAs(node, visitor, 'GET', '/v1/images')).status).toBe(200);
    const out = await askAs(node, visitor, 'DELETE', '/v1/session');
    expect(await out.json()).toEqual({ ended: true });
    expect(out.headers.getSetCookie()[0]).toMatch(/^safelight_person=; .*Max-Age=0$/);
    await expectProblem(await askAs(node, visitor, 'GET', '/v1/images'), 'session_ended');
  });
});

describe('a session', () => {
  it('changes nothing without the token of its page, or for a page of another origin', async () => {
    const { cookie, session } = owner;
    const wish = { scopes: ['images:read'] };
    const csrf = session.csrf ?? '';
    const other = await personOf(node, studio, 'other@studio.example', 'owner');
    for (const [headers, code] of [
      [{ cookie }, 'csrf_missing'],
      [{ cookie, 'x-csrf-token': '' }, 'csrf_missing'],
      [{ cookie, 'x-csrf-token': other.session.csrf ?? '' }, 'csrf_missing'],
      [{ cookie, 'x-csrf-token': csrf, origin: 'https://evil.example' }, 'origin_refused'],
      [{ cookie, 'x-csrf-token': csrf, 'sec-fetch-site': 'cross-site' }, 'origin_refused'],
    ] as const) {
      await expectProblem(await ask(node, 'POST', '/v1/keys', wish, headers), code);
      await expectProblem(await ask(node, 'DELETE', '/v1/session', undefined, headers), code);
    }
    expect((await askAs(node, owner, 'POST', '/v1/keys', wish)).status).toBe(201);
  });

  it('may do what the role of its person may, and the log tells who did it', async () => {
    for (const role of ['editor', 'viewer', 'billing'] as const) {
      const visitor = await personOf(node, studio, `${role}@studio.example`, role);
      expect(visitor.session.scopes).toEqual([...ROLE_SCOPES[role]]);
      const images = await askAs(node, visitor, 'GET', '/v1/images');
      expect(images.status).toBe(role === 'billing' ? 403 : 200);
      await expectProblem(await askAs(node, visitor, 'GET', '/v1/keys'), 'scope_missing');
      await expectProblem(await askAs(node, visitor, 'GET', '/v1/people'), 'scope_missing');
    }
    const made = (await (await askAs(node, owner, 'POST', '/v1/keys', { scopes: ['images:read'] })).json()) as {
      id: string;
      createdBy: string;
    };
    expect(made.createdBy).toBe(owner.session.person?.id);
    const actors = await withNodeDatabase(node, (database) =>
      database.query<{ actor: string }>(
        `SELECT actor FROM events WHERE subject = $1 UNION SELECT actor FROM event_inbox WHERE subject = $1`,
        [made.id],
      ),
    );
    expect(actors).toEqual([{ actor: owner.session.person?.id }]);
  });

  it('sees and changes nothing of another tenant', async () => {
    const theirs = await personOf(node, rival, 'boss@rival.example', 'owner');
    const ours = owner.session.person?.id ?? '';
    expect((await listed(rival)).map(({ email }) => email)).toEqual(['boss@rival.example']);
    for (const [method, path, body] of [
      ['PATCH', `/v1/people/${ours}`, { role: 'viewer' }],
      ['DELETE', `/v1/people/${ours}`, undefined],
    ] as const) {
      await expectProblem(await askAs(node, theirs, method, path, body), 'person_not_found');
    }
    await expectProblem(await askAs(node, theirs, 'PATCH', '/v1/session', { tenant: 'studio' }), 'person_not_found');
    expect((await askAs(node, owner, 'GET', '/v1/session')).status).toBe(200);
  });

  it('ends on all browsers but the one that changes the password', async () => {
    const here = await personOf(node, studio, 'changing@studio.example', 'viewer');
    const there = await visitorOf(await logIn(node, 'changing@studio.example', PASSWORD));
    const wrong = await askAs(node, here, 'POST', '/v1/session/password', {
      current: 'wrong',
      next: 'a new password!',
    });
    await expectProblem(wrong, 'log_in_failed');
    const short = await askAs(node, here, 'POST', '/v1/session/password', { current: PASSWORD, next: 'too short' });
    await expectProblem(short, 'request_invalid');
    const wish = { current: PASSWORD, next: 'an entirely new password' };
    const fresh = await visitorOf(await askAs(node, here, 'POST', '/v1/session/password', wish));
    expect((await askAs(node, fresh, 'GET', '/v1/session')).status).toBe(200);
    for (const old of [here, there]) await expectProblem(await askAs(node, old, 'GET', '/v1/session'), 'session_ended');
    await expectProblem(await logIn(node, 'changing@studio.example', PASSWORD), 'log_in_failed');
    await visitorOf(await logIn(node, 'changing@studio.example', 'an entirely new password'));
  });
});

describe('an invitation', () => {
  it('is taken once, and by one of two who try at once', async () => {
    const { invitation, token } = await inviteBy(node, studio, 'twice@studio.example', 'viewer');
    expect(invitation).toMatchObject({ state: 'invited', role: 'viewer' });
    const take = () => ask(node, 'POST', '/v1/session/invitation', { token, password: PASSWORD });
    const statuses = (await Promise.all([take(), take()])).map(({ status }) => status).sort();
    expect(statuses[0]).toBe(200);
    expect(statuses[1]).toBeGreaterThanOrEqual(401);
    await expectProblem(await take(), 'invitation_not_found');
    const people = (await listed(studio)).filter(({ email }) => email === 'twice@studio.example');
    expect(people.map(({ state }) => state)).toEqual(['member']);
  });

  it('does not let whoever invites take over an account that is there', async () => {
    await personOf(node, studio, 'victim@studio.example', 'owner');
    const { token } = await inviteBy(node, rival, 'victim@studio.example', 'viewer');
    const takeOver = await ask(node, 'POST', '/v1/session/invitation', { token, password: 'the rival’s choice' });
    await expectProblem(takeOver, 'log_in_failed');
    // The person takes it with the own password, and belongs to both.
    const taken = await ask(node, 'POST', '/v1/session/invitation', { token, password: PASSWORD });
    const visitor = await visitorOf(taken);
    expect(visitor.session).toMatchObject({ tenant: 'rival', tenants: ['rival', 'studio'] });
    const moved = await visitorOf(await askAs(node, visitor, 'PATCH', '/v1/session', { tenant: 'studio' }));
    expect(moved.session).toMatchObject({ tenant: 'studio', person: { role: 'owner' } });
    await expectProblem(await askAs(node, visitor, 'GET', '/v1/session'), 'session_ended');
  });

  it('gives way to a newer one, and can be taken back', async () => {
    const first = await inviteBy(node, studio, 'again@studio.example', 'viewer');
    const second = await inviteBy(node, studio, 'again@studio.example', 'editor');
    const old = await ask(node, 'POST', '/v1/session/invitation', { token: first.token, password: PASSWORD });
    await expectProblem(old, 'invitation_not_found');
    const back = await ask(node, 'DELETE', `/v1/people/${second.invitation.id}`, undefined, studio);
    expect(back.status).toBe(200);
    const taken = await ask(node, 'POST', '/v1/session/invitation', { token: second.token, password: PASSWORD });
    await expectProblem(taken, 'invitation_not_found');
  });

  it('is given by nobody to more than he may do himself', async () => {
    const lesser = await keyOf(node, 'studio', ['people:manage', 'images:read', 'usage:read']);
    const wish = (role: string) => ask(node, 'POST', '/v1/people', { email: `${role}2@studio.example`, role }, lesser);
    await expectProblem(await wish('owner'), 'scope_missing');
    expect((await wish('viewer')).status).toBe(201);
    const ours = owner.session.person?.id ?? '';
    await expectProblem(await ask(node, 'DELETE', `/v1/people/${ours}`, undefined, lesser), 'scope_missing');
    const down = await ask(node, 'PATCH', `/v1/people/${ours}`, { role: 'viewer' }, lesser);
    await expectProblem(down, 'scope_missing');
  });
});

describe('the people of a tenant', () => {
  it('always have an owner, also when two take themselves out at once', async () => {
    const shop = await keyOf(node, 'shop', TENANT_SCOPES);
    const [a, b] = [
      await personOf(node, shop, 'a@shop.example', 'owner'),
      await personOf(node, shop, 'b@shop.example', 'owner'),
    ];
    const leave = (visitor: Visitor) => askAs(node, visitor, 'DELETE', `/v1/people/${visitor.session.person?.id}`);
    const statuses = (await Promise.all([leave(a), leave(b)])).map(({ status }) => status).sort();
    expect(statuses).toEqual([200, 409]);
    const [left] = (await listed(shop)).filter(({ state }) => state === 'member');
    const demotion = await ask(node, 'PATCH', `/v1/people/${left?.id}`, { role: 'viewer' }, shop);
    await expectProblem(demotion, 'last_owner');
  });

  it('lose their sessions with their membership, and a changed role counts at once', async () => {
    const visitor = await personOf(node, studio, 'leaving@studio.example', 'editor');
    const id = visitor.session.person?.id;
    expect((await askAs(node, owner, 'PATCH', `/v1/people/${id}`, { role: 'billing' })).status).toBe(200);
    await expectProblem(await askAs(node, visitor, 'GET', '/v1/images'), 'scope_missing');
    expect((await askAs(node, owner, 'DELETE', `/v1/people/${id}`)).status).toBe(200);
    await expectProblem(await askAs(node, visitor, 'GET', '/v1/images'), 'session_ended');
    await expectProblem(await logIn(node, 'leaving@studio.example', PASSWORD), 'log_in_failed');
  });

  it('are listed page by page with who is invited', async () => {
    const all = (await listed(studio)).map(({ id }) => id);
    const paged: string[] = [];
    for (let next: string | undefined = ''; next !== undefined; ) {
      const query: string = next === '' ? '?limit=2' : `?limit=2&after=${next}`;
      const page = (await (await ask(node, 'GET', `/v1/people${query}`, undefined, studio)).json()) as PeoplePage;
      paged.push(...page.people.map(({ id }) => id));
      next = page.next;
    }
    expect(paged).toEqual(all);
  });

  it('are not invited by what is no e-mail, and not known by what is no id', async () => {
    for (const email of ['', 'nobody', 'a@b', 'a b@c.de', `${'a'.repeat(250)}@b.de`, 'a\0@b.de']) {
      await expectProblem(await ask(node, 'POST', '/v1/people', { email, role: 'viewer' }, studio), 'request_invalid');
    }
    for (const id of ['per_1', 'inv_x', 'x', `per_${'0'.repeat(26)}`]) {
      await expectProblem(await ask(node, 'DELETE', `/v1/people/${id}`, undefined, studio), 'person_not_found');
    }
  });
});

describe('the session of the loopback page', () => {
  it('goes on working, gives way to who logs in, and manages no keys', async () => {
    const opened = await ask(node, 'POST', '/v1/session');
    expect(sessionSchema.strict().parse(await opened.json())).toMatchObject({ kind: 'loopback', tenant: 'demo' });
    const loopback = cookieOf(opened, 'safelight_session') ?? '';
    const who = async (cookie: string) => ask(node, 'GET', '/v1/session', undefined, { cookie });
    expect(await (await who(loopback)).json()).toMatchObject({ kind: 'loopback', tenant: 'demo' });
    expect(await (await who(`${loopback}; ${owner.cookie}`)).json()).toMatchObject({
      kind: 'person',
      tenant: 'studio',
    });
    await expectProblem(await ask(node, 'GET', '/v1/keys', undefined, { cookie: loopback }), 'scope_missing');
    expect(await (await ask(node, 'GET', '/v1/session/ways')).json()).toEqual({
      password: true,
      oidc: false,
      loopback: true,
    });
  });
});
