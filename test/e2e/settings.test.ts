import {
  type ErrorCode,
  type Image,
  planLimitsSchema,
  type Scope,
  type SettingsChange,
  TENANT_SCOPES,
  tenantSettingsSchema,
} from '@safelight/contract';
import { createClient, type SafelightClient } from '@safelight/sdk';
import pg from 'pg';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { systemClock } from '../../packages/service/src/core/clock.ts';
import { createKey, findKey, newKeySecret } from '../../packages/service/src/tenants/index.ts';
import { expectProblem } from '../support/answers.ts';
import { createInstallation, type FleetNode, type Installation } from '../support/nodes.ts';
import { ask, askAs, personOf } from '../support/people.ts';
import { smallPhoto } from '../support/pictures.ts';
import { until } from '../support/until.ts';

const DEFAULTS = tenantSettingsSchema.parse({});
const LISTED = { origins: ['https://shop.example'], credentials: false };
/** Where no word comes a node asks anew for what it has known for 2.5 s. */
const TOLD_MS_MAX = 2_000;

let installation: Installation;
let front: FleetNode;
let back: FleetNode;
let admin: SafelightClient;
/** The secret of a key of tenant A, of one of B, and of one of A that may do all but what is tested here. */
let [key, theirKey, narrowKey] = ['', '', ''];
let client: SafelightClient;
let image: Image;

beforeAll(async () => {
  installation = await createInstallation();
  const { a, b } = installation.test.tenants;
  key = await keyOf(a, TENANT_SCOPES);
  theirKey = await keyOf(b, TENANT_SCOPES);
  narrowKey = await keyOf(
    a,
    TENANT_SCOPES.filter((scope) => scope !== 'settings:manage'),
  );
  [front, back] = await Promise.all([
    installation.start({ roles: 'api,worker,janitor' }),
    installation.start({ roles: 'api' }),
  ]);
  admin = createClient({ baseUrl: front.url, key: installation.operator.authorization.slice('Bearer '.length) });
  client = createClient({ baseUrl: front.url, key });
  image = await client.images.create(await smallPhoto(), { wait: 30 });
});
afterAll(() => installation.close());

async function keyOf(tenantId: string, scopes: readonly Scope[]): Promise<string> {
  const secret = newKeySecret(systemClock);
  await installation.test.database.transaction((tx) => createKey(tx, systemClock, { tenantId, secret, scopes }));
  return secret;
}
/** A tenant of its own, with a key that may change its settings. */
async function tenantOn(plan: string): Promise<{ name: string; key: string }> {
  const name = `on-${plan}`;
  const { id } = await admin.tenants.create({ name, plan });
  return { name, key: await keyOf(id, ['settings:manage']) };
}
/** Ends the connections on which the nodes hear of changes: they have others a quarter of a second later. */
async function cutOffFromWord(): Promise<void> {
  const superuser = new pg.Client(installation.test.superuser);
  await superuser.connect();
  const { rowCount } = await superuser.query(
    `SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = current_database() AND query LIKE 'LISTEN %'`,
  );
  await superuser.end();
  expect(rowCount).toBeGreaterThanOrEqual(2);
}
const bearer = (secret: string) => ({ authorization: `Bearer ${secret}` });
const patch = (secret: string, body: unknown, path = '/v1/settings') => ask(front, 'PATCH', path, body, bearer(secret));
const deliver = (node: FleetNode, path: string) =>
  fetch(`${node.url}/i/tenant-a/${image.id}${path}`, { headers: { origin: 'https://evil.example' } });
const readableBy = async (node: FleetNode) =>
  (await deliver(node, '/small')).headers.get('access-control-allow-origin') ?? undefined;

describe('the settings of a tenant', () => {
  it('are read by it and changed in what it names; the rest stays', async () => {
    expect(await client.settings.get()).toEqual({ settings: DEFAULTS, unsignedUrls: 'presets', iiif: 'off' });
    const first = await client.settings.change({ settings: { retentionDays: 30, trashDays: 2 }, iiif: 'tiles' });
    expect(first).toEqual({
      settings: { ...DEFAULTS, retentionDays: 30, trashDays: 2 },
      unsignedUrls: 'presets',
      iiif: 'tiles',
    });
    const second = await client.settings.change({ settings: { retentionDays: null }, iiif: 'off' });
    expect(second).toEqual({ ...first, settings: { ...DEFAULTS, trashDays: 2 }, iiif: 'off' });
    const elsewhere = createClient({ baseUrl: back.url, key });
    expect(await elsewhere.settings.get()).toEqual(second);
    const seen = await admin.tenants.get('tenant-a');
    expect(seen).toMatchObject({ ...second, plan: 'unlimited', status: 'active' });
    const answer = await ask(front, 'GET', '/v1/settings', undefined, bearer(key));
    expect(answer.headers.get('cache-control')).toBe('no-store');
  });

  it('hold on the other node as soon as it is told', async () => {
    const heardMs: number[] = [];
    expect(await readableBy(back)).toBe('*');
    // Of three, for a busy machine may be late with one.
    for (const [cors, seen] of [
      [LISTED, undefined],
      [DEFAULTS.cors, '*'],
      [LISTED, undefined],
    ] as const) {
      await client.settings.change({ settings: { cors } });
      const since = performance.now();
      await until('the other node to have heard', async () => (await readableBy(back)) === seen);
      heardMs.push(performance.now() - since);
    }
    expect(Math.min(...heardMs)).toBeLessThan(TOLD_MS_MAX);
    await client.settings.change({ settings: { cors: DEFAULTS.cors } });
  });

  it('hold on the next request', async () => {
    expect(await readableBy(front)).toBe('*');
    await expectProblem(await deliver(front, '?w=20'), 'signature_invalid');
    await client.settings.change({
      settings: { cors: LISTED, visibility: 'private' },
      unsignedUrls: 'open',
    });
    expect(await readableBy(front)).toBeUndefined();
    expect((await deliver(front, '?w=20')).status).toBe(200);
    const hidden = await client.images.create(await smallPhoto(), { wait: 30 });
    expect(hidden.visibility).toBe('private');
    // Where no word comes, whoever made the change still finds it done.
    await cutOffFromWord();
    await client.settings.change({ settings: { cors: DEFAULTS.cors, visibility: 'public' }, unsignedUrls: 'presets' });
    expect(await readableBy(front)).toBe('*');
    await expectProblem(await deliver(front, '?w=20'), 'signature_invalid');
  });

  it('are told in the log when they change, with what was named and who did it', async () => {
    const principal = await findKey(installation.test.database, key);
    await client.settings.change({ settings: { trashDays: 3 }, unsignedUrls: 'presets' });
    const told = await until('the change to be sealed', async () => {
      const { events } = await client.audit.page({ type: 'tenant.changed' });
      return events.find(({ data }) => (data as SettingsChange).settings?.trashDays === 3);
    });
    expect(told).toMatchObject({
      actor: principal?.actor,
      subject: installation.test.tenants.a,
      data: { settings: { trashDays: 3 }, unsignedUrls: 'presets' },
      personal: { address: '127.0.0.1' },
    });
  });

  it('are its own: what a request names of another changes nothing there', async () => {
    const theirs = createClient({ baseUrl: front.url, key: theirKey });
    const before = await theirs.settings.get();
    const { b } = installation.test.tenants;
    for (const query of [`?tenant=${b}`, `?tenantId=${b}`, '?tenant=tenant-b']) {
      const answer = await patch(key, { settings: { trashDays: 4 } }, `/v1/settings${query}`);
      expect([answer.status, await answer.json()]).toMatchObject([200, { settings: { trashDays: 4 } }]);
    }
    for (const name of ['tenant', 'tenantId', 'id', 'name']) {
      await expectProblem(await patch(key, { [name]: b, settings: { trashDays: 5 } }), 'request_invalid');
    }
    expect(await theirs.settings.get()).toEqual(before);
    expect((await client.settings.get()).settings.trashDays).toBe(4);
  });

  it('may be as long as each of them may be', async () => {
    const long = (index: number) => `${String(index).padStart(2, '0')}${'a'.repeat(55)}`;
    const settings: SettingsChange['settings'] = {
      ...DEFAULTS,
      keepMetadata: ['copyright', 'icc'],
      sourceHosts: Array.from({ length: 50 }, (_, index) => `*.${long(index)}.${long(index)}.de`.slice(0, 120)),
      cors: {
        origins: Array.from({ length: 10 }, (_, index) => `https://${long(index)}.${long(index)}`.slice(0, 120)),
        credentials: true,
      },
      retentionDays: 36_500,
      trashDays: 36_500,
    };
    const changed = await client.settings.change({ settings, unsignedUrls: 'presets', iiif: 'tiles' });
    expect(changed).toEqual({ settings, unsignedUrls: 'presets', iiif: 'tiles' });
    await client.settings.change({ settings: DEFAULTS, iiif: 'off' });
  });
});

describe('a change of settings', () => {
  it.each([
    [{ settings: { formats: [] } }, 'request_invalid'],
    [{ settings: { onBudget: 'pray' } }, 'request_invalid'],
    [{ settings: { cors: { origins: '*', credentials: true } } }, 'request_invalid'],
    [{ settings: { sourceHosts: ['http://x/'] } }, 'request_invalid'],
    [{ settings: { colour: 'red' } }, 'request_invalid'],
    [{ settings: null }, 'request_invalid'],
    [{ unsignedUrls: 'all' }, 'request_invalid'],
    [{ iiif: null }, 'request_invalid'],
    [{ plan: 'unlimited' }, 'request_invalid'],
    [{ displayName: 'A' }, 'request_invalid'],
    [{ status: 'active' }, 'request_invalid'],
    [[], 'request_invalid'],
  ] as const)('to %j is refused: %s', async (body, code) => {
    const before = await client.settings.get();
    await expectProblem(await patch(key, body), code);
    expect(await client.settings.get()).toEqual(before);
  });

  it('is refused without a key that may, and read no more than changed', async () => {
    const before = await client.settings.get();
    for (const [headers, code] of [
      [{}, 'key_missing'],
      [bearer('sl_nothing'), 'key_invalid'],
      [bearer(narrowKey), 'scope_missing'],
      [installation.operator, 'scope_missing'],
    ] as const satisfies [Record<string, string>, ErrorCode][]) {
      await expectProblem(await ask(front, 'GET', '/v1/settings', undefined, headers), code);
      await expectProblem(await ask(front, 'PATCH', '/v1/settings', { settings: { trashDays: 9 } }, headers), code);
    }
    const text = { ...bearer(key), 'content-type': 'text/plain' };
    await expectProblem(await ask(front, 'PATCH', '/v1/settings', { iiif: 'open' }, text), 'media_type_unsupported');
    expect(await client.settings.get()).toEqual(before);
  });

  it('is an owner’s to make from the page, and nobody else’s', async () => {
    const owner = await personOf(front, bearer(key), 'owner@a.example', 'owner');
    const editor = await personOf(front, bearer(key), 'editor@a.example', 'editor');
    const change = { settings: { trashDays: 1 } };
    expect((await askAs(front, owner, 'PATCH', '/v1/settings', change)).status).toBe(200);
    await expectProblem(await askAs(front, editor, 'PATCH', '/v1/settings', change), 'scope_missing');
    await expectProblem(await askAs(front, editor, 'GET', '/v1/settings'), 'scope_missing');
    const { cookie } = owner;
    await expectProblem(await ask(front, 'PATCH', '/v1/settings', change, { cookie }), 'csrf_missing');
    const foreign = { cookie, 'x-csrf-token': owner.session.csrf ?? '', origin: 'https://evil.example' };
    await expectProblem(await ask(front, 'PATCH', '/v1/settings', change, foreign), 'origin_refused');
    await askAs(front, owner, 'DELETE', '/v1/session');
    await expectProblem(await askAs(front, owner, 'PATCH', '/v1/settings', change), 'session_ended');
  });

  it('is refused where the plan lacks it, unless it stands so already', async () => {
    await admin.tenants.putPlan('plain', { features: [] });
    const plain = await tenantOn('plain');
    for (const [change, feature] of [
      [{ unsignedUrls: 'open' }, 'open_urls'],
      [{ iiif: 'tiles' }, 'iiif'],
      [{ settings: { visibility: 'private' } }, 'private_images'],
      [{ settings: { formats: ['jpg', 'avif'] } }, 'avif'],
    ] as const) {
      const problem = await expectProblem(await patch(plain.key, change), 'feature_not_in_plan');
      expect(problem.detail).toBe(`The plan plain does not include ${feature}.`);
    }
    await admin.tenants.change(plain.name, { iiif: 'open' });
    const again = await patch(plain.key, { iiif: 'open', unsignedUrls: 'presets', settings: DEFAULTS });
    expect([again.status, await again.json()]).toMatchObject([200, { iiif: 'open' }]);
  });

  it('is held to the rate of the plan', async () => {
    await admin.tenants.putPlan('slow', {
      limits: planLimitsSchema.parse({ requestsPerSecond: 0.01, requestsBurst: 1 }),
    });
    const slow = await tenantOn('slow');
    const refused = await until('the rate to be used up', async () => {
      const answer = await patch(slow.key, {});
      return answer.status === 429 && answer;
    });
    await expectProblem(refused, 'rate_limited');
  });

  it('waits while the tenant is suspended, who may still look', async () => {
    await admin.tenants.suspend('tenant-b');
    const look = () => ask(front, 'GET', '/v1/settings', undefined, bearer(theirKey));
    expect((await look()).status).toBe(200);
    await expectProblem(await patch(theirKey, { settings: { trashDays: 1 } }), 'tenant_suspended');
    await admin.tenants.resume('tenant-b');
    expect((await patch(theirKey, { settings: { trashDays: 1 } })).status).toBe(200);
    expect((await look()).status).toBe(200);
    // Past the API, so that no node has heard of it.
    await installation.test.database.query(`UPDATE tenants SET status = 'deleting' WHERE slug = 'tenant-b'`);
    await expectProblem(await patch(theirKey, { settings: { trashDays: 2 } }), 'key_invalid');
  });
});
