import { type Session, TENANT_SCOPES } from '@safelight/contract';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { expectProblem } from '../support/answers.ts';
import { keyOf } from '../support/node-database.ts';
import { FormBrowser, OidcProvider } from '../support/oidc.ts';
import { ask, askAs, inviteBy, logIn, PASSWORD, personOf } from '../support/people.ts';
import { Safelight } from '../support/safelight.ts';

let provider: OidcProvider;
let node: Safelight;
let studio: { authorization: string };

beforeAll(async () => {
  provider = await OidcProvider.listen();
  node = await Safelight.start({ env: { ...provider.env } });
  studio = await keyOf(node, 'studio', TENANT_SCOPES);
});
afterAll(async () => {
  await node?.close();
  await provider?.close();
});

const isCallback = (url: URL) => url.pathname === '/v1/session/oidc/callback';
const isPage = (url: URL) => url.origin === node.url && url.pathname === '/';

/** Logs in at the provider as `login`; where the page is then opened. */
async function comeIn(login: string, browser = new FormBrowser()): Promise<{ browser: FormBrowser; page: string }> {
  const page = await browser.walk(`${node.url}/v1/session/oidc`, login, isPage);
  return { browser, page: page.pathname + page.search };
}

async function sessionOf(browser: FormBrowser): Promise<Session> {
  const response = await browser.ask(new URL('/v1/session', node.url));
  expect(response.status).toBe(200);
  return (await response.json()) as Session;
}

describe('a log-in by OpenID Connect', () => {
  it('says so to the browser when the provider does not answer, and works as soon as it does', async () => {
    const away = await ask(node, 'GET', '/v1/session/oidc');
    expect([away.status, away.headers.get('location')]).toEqual([303, '/?log-in=provider']);
    provider.register(node.url);
    const there = await ask(node, 'GET', '/v1/session/oidc');
    const url = new URL(there.headers.get('location') ?? '');
    expect(url.origin).toBe(provider.issuer);
    expect(Object.fromEntries(url.searchParams)).toMatchObject({
      response_type: 'code',
      scope: 'openid email',
      code_challenge_method: 'S256',
      state: expect.stringMatching(/^[\w-]{43}$/),
      nonce: expect.stringMatching(/^[\w-]{43}$/),
    });
    expect(there.headers.getSetCookie()[0]).toMatch(/; Path=\/v1\/session\/oidc\/callback; HttpOnly; SameSite=Lax;/);
    expect(await (await ask(node, 'GET', '/v1/session/ways')).json()).toMatchObject({ oidc: true });
  });

  it('lets in who was invited by the e-mail that the provider vouches for, and again later', async () => {
    await inviteBy(node, studio, 'Ada@studio.example', 'editor');
    provider.accounts.set('ada', { email: 'ada@studio.example', emailVerified: true });
    const { browser, page } = await comeIn('ada');
    expect(page).toBe('/');
    const session = await sessionOf(browser);
    expect(session).toMatchObject({
      kind: 'person',
      tenant: 'studio',
      person: { email: 'ada@studio.example', role: 'editor', hasPassword: false },
    });
    const cookie = browser.cookies.find(({ name }) => name === 'safelight_person');
    expect(
      (await askAs(node, { cookie: `safelight_person=${cookie?.value}`, session }, 'DELETE', '/v1/session')).status,
    ).toBe(200);
    const again = await comeIn('ada');
    expect((await sessionOf(again.browser)).person?.id).toBe(session.person?.id);
    await expectProblem(await logIn(node, 'ada@studio.example', ''), 'log_in_failed');
  });

  it('lets in nobody who was not invited, nor by an e-mail that the provider does not vouch for', async () => {
    await inviteBy(node, studio, 'eve@studio.example', 'owner');
    provider.accounts.set('stranger', { email: 'stranger@studio.example', emailVerified: true });
    provider.accounts.set('eve', { email: 'eve@studio.example', emailVerified: false });
    provider.accounts.set('mute', {});
    for (const [login, why] of [
      ['stranger', 'not_invited'],
      ['eve', 'unverified'],
      ['mute', 'unverified'],
    ] as const) {
      const { browser, page } = await comeIn(login);
      expect(page).toBe(`/?log-in=${why}`);
      expect(browser.cookies.map(({ name }) => name)).not.toContain('safelight_person');
    }
  });

  it('drops a password that somebody else may have set, and ends what it opened', async () => {
    const squatter = await personOf(node, studio, 'bea@studio.example', 'owner');
    provider.accounts.set('bea', { email: 'bea@studio.example', emailVerified: true });
    const { browser } = await comeIn('bea');
    expect((await sessionOf(browser)).person).toMatchObject({ email: 'bea@studio.example', hasPassword: false });
    await expect.poll(async () => (await askAs(node, squatter, 'GET', '/v1/session')).status).toBe(401);
    await expectProblem(await logIn(node, 'bea@studio.example', PASSWORD), 'log_in_failed');
  });

  it('gives an account to nobody else who has its e-mail later', async () => {
    provider.accounts.set('ada-the-second', { email: 'ada@studio.example', emailVerified: true });
    expect((await comeIn('ada-the-second')).page).toBe('/?log-in=not_invited');
  });

  it('is worth nothing in another browser, with another state, or twice', async () => {
    const browser = new FormBrowser();
    const callback = await browser.walk(`${node.url}/v1/session/oidc`, 'ada', isCallback);
    const open = async (one: FormBrowser, url: URL) => {
      const response = await one.ask(url);
      const opened = one.cookies.some(({ name }) => name === 'safelight_person');
      return { location: response.headers.get('location'), opened };
    };
    const refused = { location: '/?log-in=provider', opened: false };
    expect(await open(new FormBrowser(), callback)).toEqual(refused);
    const [remembered] = browser.cookies.filter(({ name }) => name === 'safelight_oidc');
    if (!remembered) throw new Error('the browser remembers no log-in');
    const forged = new URL(callback);
    forged.searchParams.set('state', 'A'.repeat(43));
    const other = new FormBrowser();
    other.cookies.push(remembered);
    expect(await open(other, forged)).toEqual(refused);
    const [state = '', , verifier = ''] = remembered.value.split('.');
    const replayed = new FormBrowser();
    replayed.cookies.push({ ...remembered, value: [state, 'B'.repeat(43), verifier].join('.') });
    expect(await open(replayed, callback)).toEqual(refused);
    // The provider gives out a code once, and that one was used.
    expect(await open(browser, callback)).toEqual(refused);
  });
});
