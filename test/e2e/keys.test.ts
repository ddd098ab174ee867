import { type Key, type KeyPage, keySchema, type NewKey, type Scope } from '@safelight/contract';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it, vi } from 'vitest';
import { runCli } from '../../packages/service/src/cli/index.ts';
import { expectProblem } from '../support/answers.ts';
import { keyOf, withNodeDatabase } from '../support/node-database.ts';
import { ask, logIn, PASSWORD, visitorOf } from '../support/people.ts';
import { Safelight } from '../support/safelight.ts';

/** How long a revoked key may still open another node. */
const STALE_MS_MAX = 5_000;

let node: Safelight;
let neighbour: { authorization: string };

beforeAll(async () => {
  node = await Safelight.start();
  neighbour = await keyOf(node, 'neighbour', ['keys:manage', 'images:read']);
});
afterAll(() => node.close());

const send = (method: string, path: string, body?: unknown, headers: Record<string, string> = {}) =>
  node.fetch(path, {
    method,
    headers: { 'content-type': 'application/json', ...headers },
    ...(body !== undefined && { body: JSON.stringify(body) }),
  });

async function make(wish: { scopes: readonly Scope[]; [name: string]: unknown }): Promise<NewKey> {
  const response = await send('POST', '/v1/keys', wish);
  const text = await response.text();
  expect(response.status, text).toBe(201);
  const { secret, ...key } = JSON.parse(text) as NewKey;
  expect(secret).toMatch(/^sl_[A-Za-z0-9_-]{43}$/);
  return { ...keySchema.strict().parse(key), secret };
}

const bearer = (key: { secret: string }) => ({ authorization: `Bearer ${key.secret}` });
const opens = async (key: { secret: string }) =>
  (await node.fetch('/v1/images?limit=1', { headers: bearer(key) })).status;
const list = async (query = ''): Promise<KeyPage> => (await node.fetch(`/v1/keys${query}`)).json() as Promise<KeyPage>;
const read = async (id: string): Promise<Key | undefined> =>
  (await list('?limit=200')).keys.find((key) => key.id === id);

describe('a key', () => {
  it('opens what its scopes name and nothing else, and its secret is shown once', async () => {
    const key = await make({ name: 'reader', scopes: ['images:read', 'images:read'] });
    expect(key).toMatchObject({ name: 'reader', scopes: ['images:read'], state: 'live' });
    expect(key.createdBy).toMatch(/^key_/);
    expect(await opens(key)).toBe(200);
    const deletion = await node.fetch('/v1/images/img_1', { method: 'DELETE', headers: bearer(key) });
    await expectProblem(deletion, 'scope_missing');
    expect(JSON.stringify(await list())).not.toContain(key.secret.slice(3, 20));
  });

  it('is made of no scope that its maker lacks, and of none of the operator’s', async () => {
    const lesser = await make({ scopes: ['keys:manage', 'images:read'] });
    for (const scopes of [['images:write'], ['admin'], ['images:read', 'people:manage']]) {
      await expectProblem(await send('POST', '/v1/keys', { scopes }, bearer(lesser)), 'scope_missing');
    }
    await expectProblem(await send('POST', '/v1/keys', { scopes: ['admin'] }), 'scope_missing');
    expect((await send('POST', '/v1/keys', { scopes: ['images:read'] }, bearer(lesser))).status).toBe(201);
  });

  it('is neither made nor seen by a key that may not manage keys', async () => {
    const reader = await make({ scopes: ['images:read'] });
    for (const [method, path] of [
      ['POST', '/v1/keys'],
      ['GET', '/v1/keys'],
      ['POST', `/v1/keys/${reader.id}/rotate`],
      ['DELETE', `/v1/keys/${reader.id}`],
    ] as const) {
      await expectProblem(
        await send(method, path, method === 'POST' ? {} : undefined, bearer(reader)),
        'scope_missing',
      );
    }
  });

  it('opens nothing after its time', async () => {
    const key = await make({ scopes: ['images:read'], expiresInSeconds: 1 });
    expect(Date.parse(key.expiresAt ?? '')).toBeGreaterThan(Date.parse(key.createdAt));
    await expect.poll(() => opens(key), { interval: 200, timeout: 1_000 + STALE_MS_MAX + 2_000 }).toBe(401);
    expect((await read(key.id))?.state).toBe('expired');
  });

  it('that was revoked opens nothing any more on this node, at once', async () => {
    const key = await make({ scopes: ['images:read'] });
    expect(await opens(key)).toBe(200);
    const revoked = await send('DELETE', `/v1/keys/${key.id}`);
    expect((await revoked.json()) as Key).toMatchObject({ id: key.id, state: 'revoked' });
    expect(await opens(key)).toBe(401);
    await expectProblem(await send('DELETE', `/v1/keys/${key.id}`), 'key_not_found');
    await expectProblem(await send('POST', `/v1/keys/${key.id}/rotate`, {}), 'key_not_found');
  });

  it('tells when it was used last, to the minute, without a write per request', async () => {
    const key = await make({ scopes: ['images:read'] });
    expect(key.lastUsedAt).toBeUndefined();
    await opens(key);
    await expect.poll(async () => (await read(key.id))?.lastUsedAt, { interval: 200 }).toBeDefined();
    const version = () =>
      withNodeDatabase(node, async (database) => {
        const sql = 'SELECT xmin::text AS xmin FROM keys WHERE key_id = $1';
        return (await database.query<{ xmin: string }>(sql, [key.id]))[0]?.xmin;
      });
    const written = await version();
    const other = await make({ scopes: ['images:read'] });
    for (let use = 0; use < 20; use += 1) await opens(key);
    // What is gathered is written in one statement: when this one is there, the other would be.
    await opens(other);
    await expect.poll(async () => (await read(other.id))?.lastUsedAt, { interval: 200 }).toBeDefined();
    expect(await version()).toBe(written);
  });
});

describe('a rotated key', () => {
  it('opens by both secrets for as long as it is told, and by the new one afterwards', async () => {
    const key = await make({ scopes: ['images:read'] });
    const rotation = await send('POST', `/v1/keys/${key.id}/rotate`, { overlapSeconds: 2 });
    const rotated = (await rotation.json()) as NewKey;
    expect(rotated).toMatchObject({ id: key.id, scopes: ['images:read'], state: 'live' });
    expect(rotated.secret).not.toBe(key.secret);
    expect([await opens(key), await opens(rotated)]).toEqual([200, 200]);
    await expect.poll(() => opens(key), { interval: 200, timeout: 2_000 + STALE_MS_MAX + 2_000 }).toBe(401);
    expect(await opens(rotated)).toBe(200);
  });

  it('opens by the new secret alone, at once, when it is told to overlap by nothing', async () => {
    const key = await make({ scopes: ['images:read'] });
    expect(await opens(key)).toBe(200);
    const rotated = (await (await send('POST', `/v1/keys/${key.id}/rotate`, { overlapSeconds: 0 })).json()) as NewKey;
    expect([await opens(key), await opens(rotated)]).toEqual([401, 200]);
  });

  it('ends with both secrets when it is revoked while they overlap', async () => {
    const key = await make({ scopes: ['images:read'] });
    const rotated = (await (await send('POST', `/v1/keys/${key.id}/rotate`, {})).json()) as NewKey;
    expect(rotated.previousUntil).toBeDefined();
    await send('DELETE', `/v1/keys/${key.id}`);
    expect([await opens(key), await opens(rotated)]).toEqual([401, 401]);
  });

  it('is not had by whoever may do less than it', async () => {
    const strong = await make({ scopes: ['images:write'] });
    const lesser = await make({ scopes: ['keys:manage', 'images:read'] });
    const theft = await send('POST', `/v1/keys/${strong.id}/rotate`, { overlapSeconds: 60 }, bearer(lesser));
    await expectProblem(theft, 'scope_missing');
  });
});

describe('the routes of keys', () => {
  it('page through all keys, newest first', async () => {
    for (let count = 0; count < 3; count += 1) await make({ scopes: ['images:read'] });
    const all = (await list('?limit=200')).keys.map(({ id }) => id);
    expect(all).toEqual([...all].sort().reverse());
    const paged: string[] = [];
    let page = await list('?limit=2');
    for (;;) {
      paged.push(...page.keys.map(({ id }) => id));
      if (page.next === undefined) break;
      page = await list(`?limit=2&after=${page.next}`);
    }
    expect(paged).toEqual(all);
  });

  it('show tenant B nothing of tenant A’s keys, and let it change none', async () => {
    const key = await make({ scopes: ['images:read'] });
    const theirs = (await (await node.fetch('/v1/keys', { headers: neighbour })).json()) as KeyPage;
    expect(theirs.keys.map(({ id }) => id)).not.toContain(key.id);
    const afterOurs = await node.fetch(`/v1/keys?after=${key.id}&limit=200`, { headers: neighbour });
    const ours = new Set((await list('?limit=200')).keys.map(({ id }) => id));
    expect(((await afterOurs.json()) as KeyPage).keys.filter(({ id }) => ours.has(id))).toEqual([]);
    await expectProblem(await send('POST', `/v1/keys/${key.id}/rotate`, {}, neighbour), 'key_not_found');
    await expectProblem(await send('DELETE', `/v1/keys/${key.id}`, undefined, neighbour), 'key_not_found');
    expect(await opens(key)).toBe(200);
  });

  it.each([
    ['no scopes', {}],
    ['a scope that is none', { scopes: ['images:eat'] }],
    ['an empty list of scopes', { scopes: [] }],
    ['a field that is none', { scopes: ['images:read'], colour: 'red' }],
    ['an end in the past', { scopes: ['images:read'], expiresAt: '2001-01-01T00:00:00Z' }],
    ['an end beyond all times', { scopes: ['images:read'], expiresAt: '9999-99-99T00:00:00Z' }],
    ['an end in the year nothing', { scopes: ['images:read'], expiresAt: '0000-01-01T00:00:00Z' }],
    ['two ends', { scopes: ['images:read'], expiresInSeconds: 5, expiresAt: '2100-01-01T00:00:00Z' }],
    ['a name with a NUL', { scopes: ['images:read'], name: 'a\0b' }],
    ['a list', []],
    ['null', null],
  ])('refuse %s', async (_, body) => {
    await expectProblem(await send('POST', '/v1/keys', body), 'request_invalid');
  });

  it('refuse what is no JSON, too long, or said to be something else', async () => {
    const post = (body: string, type: string) =>
      node.fetch('/v1/keys', { method: 'POST', headers: { 'content-type': type }, body });
    await expectProblem(await post('{', 'application/json'), 'request_invalid');
    await expectProblem(await post('', 'application/json'), 'request_invalid');
    await expectProblem(
      await post(JSON.stringify({ name: 'x'.repeat(70_000) }), 'application/json'),
      'request_invalid',
    );
    await expectProblem(await post('{"scopes":["images:read"]}', 'text/plain'), 'media_type_unsupported');
    for (const id of ['key_1', 'nothing', `key_${'0'.repeat(26)}`]) {
      await expectProblem(await send('DELETE', `/v1/keys/${id}`), 'key_not_found');
    }
    await expectProblem(await node.fetch('/v1/keys?after=img_1'), 'request_invalid');
  });
});

describe('the command line', () => {
  const said: string[] = [];
  beforeEach(() => {
    said.length = 0;
    vi.stubEnv('SAFELIGHT_DATA', node.data);
    // What it prints is its answer; a process for each would take two seconds of a core.
    vi.spyOn(console, 'log').mockImplementation((text: string) => void said.push(text));
    vi.spyOn(console, 'error').mockImplementation(() => undefined);
  });
  afterEach(() => {
    vi.unstubAllEnvs();
    vi.restoreAllMocks();
  });
  const run = async (...args: string[]) => {
    const code = await runCli(['node', 'safelight', ...args]);
    return { code, text: said.splice(0).join('\n') };
  };

  it('makes, lists, rotates and revokes keys', async () => {
    const made = await run('key', 'create', '--name', 'cron', '--scopes', 'images:read', '--json');
    const { id, secret } = JSON.parse(made.text) as NewKey;
    expect(await opens({ secret })).toBe(200);
    const rotated = { secret: (await run('key', 'rotate', id, '--overlap', '0')).text };
    expect(await opens(rotated)).toBe(200);
    expect((await run('key', 'list')).text).toMatch(new RegExp(`^${id} +live +cron .*images:read$`, 'm'));
    expect((await run('key', 'revoke', id)).code).toBe(0);
    // Done by another process: the node hears of it within five seconds.
    await expect.poll(() => opens(rotated), { interval: 200, timeout: STALE_MS_MAX + 2_000 }).toBe(401);
    expect((await run('key', 'revoke', id)).code).toBe(1);
    expect((await run('key', 'create', '--scopes', 'everything')).code).toBe(2);
    expect((await run('key', 'list', '--tenant', 'nobody')).code).toBe(1);
  });

  it('invites people, lists and removes them, and gives a new password to who has forgotten it', async () => {
    const link = (await run('person', 'invite', 'cli@demo.example', '--url', node.url)).text;
    const token = /#invitation=([\w-]{43})$/.exec(link)?.[1] ?? '';
    const taken = await ask(node, 'POST', '/v1/session/invitation', { token, password: PASSWORD });
    const id = (await visitorOf(taken)).session.person?.id ?? '';
    const password = (await run('person', 'reset', 'CLI@demo.example')).text;
    await expectProblem(await logIn(node, 'cli@demo.example', PASSWORD), 'log_in_failed');
    await visitorOf(await logIn(node, 'cli@demo.example', password));
    expect((await run('person', 'list')).text).toMatch(new RegExp(`^${id} +member +owner .*cli@demo.example$`, 'm'));
    expect((await run('person', 'remove', id, '--tenant', 'neighbour')).code).toBe(1);
    // The last owner stays.
    expect((await run('person', 'remove', id)).code).toBe(1);
    expect((await run('person', 'invite', 'nobody')).code).toBe(2);
  });
});
