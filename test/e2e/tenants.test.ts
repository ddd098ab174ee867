import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { type NewTenant, tenantSettingsSchema } from '@safelight/contract';
import sharp from 'sharp';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { createClient, type SafelightClient } from '../../packages/sdk/src/index.ts';
import { withSignature } from '../../packages/service/src/http/signature.ts';
import { expectImage, expectProblem } from '../support/answers.ts';
import { runCommand } from '../support/command.ts';
import { asSuperuser } from '../support/node-database.ts';
import { smallPhoto } from '../support/pictures.ts';
import { Safelight } from '../support/safelight.ts';
import { until } from '../support/until.ts';
import { signedUrl, urlKeyOf } from '../support/url-keys.ts';

const NOTHING = 'ten_00000000000000000000000000';

let node: Safelight;
let operator: string;
let admin: SafelightClient;
let photo: Uint8Array;

beforeAll(async () => {
  node = await Safelight.start({ env: { SAFELIGHT_WORKERS: '1' } });
  operator = (await readFile(join(node.data, 'operator-key'), 'utf8')).trim();
  admin = createClient({ baseUrl: node.url, key: operator });
  photo = await smallPhoto();
});
afterAll(() => node.close());

const asOperator = (path: string, method: string, body?: unknown) =>
  fetch(`${node.url}${path}`, {
    method,
    headers: { authorization: `Bearer ${operator}`, 'content-type': 'application/json' },
    ...(body !== undefined && { body: JSON.stringify(body) }),
  });
const as = ({ key }: NewTenant, path: string, init: RequestInit = {}) =>
  fetch(`${node.url}${path}`, { ...init, headers: { authorization: `Bearer ${key}`, ...init.headers } });
const send = (tenant: NewTenant, bytes: Uint8Array = photo, query = '?wait=30') => {
  const headers = { 'content-type': 'image/jpeg' };
  return as(tenant, `/v1/images${query}`, { method: 'POST', headers, body: Uint8Array.from(bytes) });
};

describe('a tenant', () => {
  it('is made with a key that works at once, plan and settings, and is read by name or id', async () => {
    const made = await admin.tenants.create({ name: 'made', displayName: 'Made & Sons', iiif: 'tiles' });
    expect(made).toMatchObject({ name: 'made', status: 'active', plan: 'unlimited', weight: 1, delivers: true });
    expect(made.settings).toEqual(tenantSettingsSchema.parse({}));
    await expectImage(await send(made));
    const { key: _, ...shown } = made;
    expect(await admin.tenants.get('made')).toEqual(shown);
    expect(await admin.tenants.get(made.id)).toEqual(shown);
    const again = await asOperator('/v1/admin/tenants', 'POST', { name: 'made' });
    expect((await expectProblem(again, 'tenant_refused')).detail).toBe('There is a tenant made already.');
  });

  it('is changed in what is named, and the rest stays', async () => {
    await admin.tenants.create({ name: 'changed', settings: { retentionDays: 30, trashDays: 2 } });
    const changed = await admin.tenants.change('changed', { settings: { trashDays: 0 }, unsignedUrls: 'open' });
    expect(changed).toMatchObject({ unsignedUrls: 'open', settings: { retentionDays: 30, trashDays: 0 } });
    const [{ settings }] = (await asSuperuser(
      node,
      `SELECT settings FROM safelight.tenants WHERE slug = 'changed'`,
    )) as [{ settings: unknown }];
    expect(settings).toEqual({ retentionDays: 30 });
  });

  it('is listed page by page, and by status', async () => {
    const first = await admin.tenants.list({ limit: 1 });
    const second = await admin.tenants.list({ limit: 1, after: first.next });
    expect(first.tenants[0]?.id).not.toBe(second.tenants[0]?.id);
    expect((await admin.tenants.list({ status: 'suspended' })).tenants).toEqual([]);
    await expectProblem(await asOperator('/v1/admin/tenants?after=x', 'GET'), 'request_invalid');
  });

  it.each([
    ['POST', '', { name: 'Big' }, 'request_invalid'],
    ['POST', '', { name: 'poor', plan: 'nothing' }, 'plan_unknown'],
    ['POST', '', { name: 'odd', settings: { formats: [] } }, 'request_invalid'],
    ['POST', '', { name: 'odd', settings: { sourceHosts: ['http://x/'] } }, 'request_invalid'],
    ['POST', '', { name: 'odd', extra: 1 }, 'request_invalid'],
    ['GET', '/nobody', undefined, 'tenant_not_found'],
    ['GET', `/${NOTHING}`, undefined, 'tenant_not_found'],
    ['PATCH', '/nobody', {}, 'tenant_not_found'],
    ['PATCH', '/made', { plan: 'nothing' }, 'plan_unknown'],
    ['PATCH', '/made', { settings: { onBudget: 'pray' } }, 'request_invalid'],
    ['POST', '/nobody/suspend', undefined, 'tenant_not_found'],
    ['POST', '/made/suspend?deliveries=maybe', undefined, 'request_invalid'],
    ['POST', '/nobody/resume', undefined, 'tenant_not_found'],
    ['DELETE', '/nobody', undefined, 'tenant_not_found'],
    ['POST', '/operator/suspend', undefined, 'tenant_refused'],
    ['DELETE', '/operator', undefined, 'tenant_refused'],
  ] as const)('%s /v1/admin/tenants%s %j is %s', async (method, path, body, code) => {
    await expectProblem(await asOperator(`/v1/admin/tenants${path}`, method, body), code);
  });

  it('sees and changes nothing here, neither of another nor of itself', async () => {
    const routes = [
      ['GET', ''],
      ['POST', ''],
      ['GET', '/made'],
      ['PATCH', '/made'],
      ['POST', '/made/suspend'],
      ['POST', '/made/resume'],
      ['DELETE', '/made'],
      ['GET', '/demo'],
      ['DELETE', '/demo'],
    ].map(([method = '', path = '']) => [method, `/v1/admin/tenants${path}`] as const);
    for (const [method, path] of [...routes, ['GET', '/v1/admin/plans'], ['PUT', '/v1/admin/plans/mine']] as const) {
      await expectProblem(await node.fetch(path, { method }), 'scope_missing');
      await expectProblem(await fetch(`${node.url}${path}`, { method }), 'key_missing');
    }
  });
});

describe('a plan', () => {
  const plan = { weight: 4, features: ['webhooks' as const], prices: { currency: 'USD', gbOut: 40_000 } };

  it('is made and changed as data, with a version for each change and none for a repeat', async () => {
    const first = await asOperator('/v1/admin/plans/gold', 'PUT', plan);
    expect(await first.json()).toMatchObject({ name: 'gold', version: 1, ...plan, prices: { megapixel: 0 } });
    await admin.tenants.create({ name: 'rich', plan: 'gold' });
    expect((await admin.tenants.get('rich')).weight).toBe(4);
    await asOperator('/v1/admin/plans/gold', 'PUT', plan);
    const changed = await asOperator('/v1/admin/plans/gold', 'PUT', { ...plan, weight: 8 });
    expect(await changed.json()).toMatchObject({ version: 2, weight: 8 });
    expect((await admin.tenants.get('rich')).weight).toBe(8);
    const listed = (await admin.tenants.plans()).plans.map(({ name, tenants }) => [name, tenants]);
    expect(listed).toContainEqual(['gold', 1]);
    const versions = await asSuperuser(node, `SELECT version, weight FROM safelight.plan_versions WHERE plan = 'gold'`);
    expect(versions).toEqual([
      { version: 1, weight: 4 },
      { version: 2, weight: 8 },
    ]);
  });

  it.each([
    ['unlimited', {}, 'tenant_refused'],
    ['Gold', {}, 'request_invalid'],
    ['odd', { features: ['magic'] }, 'request_invalid'],
    ['odd', { limits: { rendersPerDay: -1 } }, 'request_invalid'],
    ['odd', { prices: { gbOut: 0.5 } }, 'request_invalid'],
    ['odd', { extra: true }, 'request_invalid'],
  ] as const)('%s that says %j is refused: %s', async (name, document, code) => {
    await expectProblem(await asOperator(`/v1/admin/plans/${name}`, 'PUT', document), code);
  });

  it('refuses what it does not include, and says what that is', async () => {
    await admin.tenants.putPlan('plain', { features: [] });
    const tenant = await admin.tenants.create({ name: 'plain', plan: 'plain', iiif: 'open' });
    const image = await expectImage(await send(tenant));
    const refused = await fetch(await signedUrl(node, image.id, { w: 9 }, { tenant: 'plain' }));
    expect((await expectProblem(refused, 'feature_not_in_plan')).detail).toBe(
      'The plan plain does not include open_urls.',
    );
    await expectProblem(await fetch(`${node.url}/iiif/3/${image.id}/info.json`), 'feature_not_in_plan');
    expect((await fetch(image.urls.small ?? '')).status).toBe(200);
    const frame = (background: string) =>
      sharp({ create: { width: 8, height: 8, channels: 3, background } })
        .png()
        .toBuffer();
    const frames = sharp([await frame('red'), await frame('blue')], { join: { animated: true } });
    await expectProblem(await send(tenant, await frames.gif().toBuffer()), 'feature_not_in_plan');
    await asOperator('/v1/admin/plans/plain', 'PUT', { features: ['open_urls', 'iiif'] });
    const url = await signedUrl(node, image.id, { w: 9, fm: 'avif' }, { tenant: 'plain' });
    await expectProblem(await fetch(url), 'feature_not_in_plan');
    expect((await fetch(await signedUrl(node, image.id, { w: 9 }, { tenant: 'plain' }))).status).toBe(200);
  });
});

describe('settings', () => {
  it('name the formats that may be asked for, and fill in what of the source is kept', async () => {
    const tenant = await admin.tenants.create({
      name: 'strict',
      settings: { formats: ['jpg', 'webp'], keepMetadata: ['copyright'] },
    });
    const signed = await sharp(photo)
      .withExif({ IFD0: { Copyright: 'Ada' } })
      .jpeg()
      .toBuffer();
    const image = await expectImage(await send(tenant, signed));
    const at = (transformation: Parameters<typeof signedUrl>[2]) =>
      signedUrl(node, image.id, transformation, { tenant: 'strict' });
    const refused = await expectProblem(await fetch(await at({ w: 9, fm: 'png' })), 'format_not_allowed');
    expect(refused.parameters).toEqual([{ parameter: 'fm', allowed: 'jpg, webp' }]);
    const kept = Buffer.from(await (await fetch(await at({ w: 20 }))).arrayBuffer());
    expect(kept.includes('Ada')).toBe(true);
    const shown = await expectImage(await as(tenant, `/v1/images/${image.id}`));
    expect(shown.renditions.map(({ transformation }) => transformation)).toContainEqual(
      expect.stringMatching(/meta=copyright.*w=20/),
    );
    const unkept = withSignature(await urlKeyOf(node, 'strict'), `/i/strict/${image.id}?w=20&meta=none`);
    const bare = Buffer.from(await (await fetch(`${node.url}${unkept}`)).arrayBuffer());
    expect(bare.includes('Ada')).toBe(false);
    const negotiated = await fetch(`${await at({ w: 21 })}`, { headers: { accept: 'image/avif,image/webp' } });
    expect(negotiated.headers.get('content-type')).toBe('image/jpeg');
  });
});

describe('a suspended tenant', () => {
  it('reads its data and has what exists delivered, writes nothing, and goes on when it is resumed', async () => {
    const tenant = await admin.tenants.create({ name: 'late', unsignedUrls: 'open' });
    const image = await expectImage(await send(tenant));
    const fresh = `${node.url}/i/late/${image.id}?w=33`;
    expect(await admin.tenants.suspend('late')).toMatchObject({ status: 'suspended', delivers: true });
    await expectProblem(await send(tenant), 'tenant_suspended');
    await expectProblem(await as(tenant, `/v1/images/${image.id}`, { method: 'DELETE' }), 'tenant_suspended');
    await expectProblem(await as(tenant, '/v1/purge', { method: 'POST' }), 'tenant_suspended');
    await expectImage(await as(tenant, `/v1/images/${image.id}`));
    expect((await fetch(image.urls.small ?? '')).status).toBe(200);
    await expectProblem(await fetch(fresh), 'tenant_suspended');
    await admin.tenants.suspend('late', { deliveries: false });
    await expectProblem(await fetch(image.urls.small ?? ''), 'tenant_suspended');
    await expectProblem(await fetch(image.urls.original ?? ''), 'tenant_suspended');
    expect(await admin.tenants.resume('late')).toMatchObject({ status: 'active', delivers: true });
    expect((await fetch(fresh)).status).toBe(200);
  });

  it('has its jobs wait, and run when it is resumed', async () => {
    const tenant = await admin.tenants.create({ name: 'waits' });
    // As by a request that was under way while the tenant was suspended.
    const image = await expectImage(await send(tenant));
    await admin.tenants.suspend('waits');
    await asSuperuser(
      node,
      `WITH o AS (SELECT tenant_id, original_id FROM safelight.originals WHERE tenant_id = $1 LIMIT 1), r AS (
         INSERT INTO safelight.renditions (tenant_id, rendition_id, original_id, transformation, digest, state, job_id)
         SELECT tenant_id, 'ren_late', original_id, 'fit=max&w=7', sha256('late'), 'pending', 'job_late' FROM o)
       INSERT INTO safelight.jobs (tenant_id, job_id, original_id, lane, virtual_start, cost_micros, bytes_predicted)
       SELECT tenant_id, 'job_late', original_id, 'normal', safelight.lane_clock('normal'), 1000, 1000000 FROM o`,
      [tenant.id],
    );
    const stateOf = async () =>
      (await asSuperuser(node, `SELECT state FROM safelight.jobs WHERE job_id = 'job_late'`))[0]?.state;
    await until('the job is held', async () => (await stateOf()) === 'held');
    await admin.tenants.resume('waits');
    await until('the job has run', async () => (await stateOf()) === undefined);
    await expectImage(await as(tenant, `/v1/images/${image.id}`));
  });
});

describe('a deleted tenant', () => {
  it('is answered nothing from then on, and loses all that it had', async () => {
    const tenant = await admin.tenants.create({ name: 'gone' });
    const image = await expectImage(await send(tenant));
    expect(await admin.tenants.delete('gone')).toMatchObject({ status: 'deleting', delivers: false });
    await expectProblem(await as(tenant, '/v1/images'), 'key_invalid');
    await expectProblem(await fetch(image.urls.small ?? ''), 'tenant_gone');
    await expectProblem(await fetch(image.urls.original ?? ''), 'tenant_gone');
    for (const path of ['', '/suspend', '/resume'] as const) {
      const method = path === '' ? 'PATCH' : 'POST';
      await expectProblem(await asOperator(`/v1/admin/tenants/gone${path}`, method, {}), 'tenant_refused');
    }
    expect((await asOperator('/v1/admin/tenants/gone', 'DELETE')).status).toBe(202);
    await expectProblem(await asOperator('/v1/admin/tenants', 'POST', { name: 'gone' }), 'tenant_refused');
    await until('its rows are gone', async () => {
      const [row] = await asSuperuser(node, `SELECT count(*)::int AS n FROM safelight.originals WHERE tenant_id = $1`, [
        tenant.id,
      ]);
      return row?.n === 0;
    });
    await expectProblem(await fetch(image.urls.small ?? ''), 'tenant_gone');
  });
});

describe('safelight tenant', () => {
  const run = async (...args: string[]) => {
    const { code, stdout, stderr } = await runCommand(['tenant', ...args], { SAFELIGHT_DATA: node.data });
    return code === 0 ? stdout : `${code}: ${stderr}`;
  };

  // A command takes a second of CPU to start, and many where others keep the machine busy: so few, and with time.
  it('makes, changes, suspends, lists and deletes, and looks after plans', async () => {
    const file = join(node.data, 'silver.json');
    await writeFile(file, JSON.stringify({ limits: { storedBytesMax: 5_000_000_000 } }));
    const [made, put] = await Promise.all([
      run('create', 'shop', '--formats', 'jpg,webp', '--display-name', 'The Shop', '--json'),
      run('plan', 'set', 'silver', file),
    ]);
    expect(JSON.parse(made)).toMatchObject({ name: 'shop', key: expect.stringMatching(/^sl_/) });
    expect(put).toBe('The plan silver has version 1.\n');
    const hosts = ['--source-hosts', 'example.com,*.example.org'];
    const cors = ['--cors', 'https://shop.example', '--cors-credentials', '--visibility', 'private'];
    const changed = await run('set', 'shop', '--plan', 'silver', '--retention-days', '7', ...hosts, ...cors, '--json');
    expect(JSON.parse(changed)).toMatchObject({
      plan: 'silver',
      settings: {
        ...{ formats: ['jpg', 'webp'], retentionDays: 7, sourceHosts: ['example.com', '*.example.org'] },
        ...{ cors: { origins: ['https://shop.example'], credentials: true }, visibility: 'private' },
      },
    });
    expect(await run('suspend', 'shop', '--no-deliveries')).toBe('shop is suspended.\n');
    const [listed, plans] = await Promise.all([run('list', '--status', 'suspended'), run('plan', 'list')]);
    expect(listed).toMatch(/shop +suspended +silver +1 .*The Shop/);
    expect(plans).toMatch(/silver +1 +1 +1 +∞ +5\.0 GB/);
    expect(await run('delete', 'shop', '--yes')).toBe('shop is deleting.\n');
    expect((await admin.tenants.get('shop')).status).toBe('deleting');
  }, 180_000);
});
