import type { Image, Scope } from '@safelight/contract';
import { createClient, type SafelightClient } from '@safelight/sdk';
import sharp from 'sharp';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { systemClock } from '../../packages/service/src/core/clock.ts';
import { getPreset, putPreset } from '../../packages/service/src/presets/index.ts';
import { createKey, newKeySecret } from '../../packages/service/src/tenants/index.ts';
import { expectProblem } from '../support/answers.ts';
import { runCommand } from '../support/command.ts';
import { createInstallation, type FleetNode, type Installation } from '../support/nodes.ts';
import { smallPhoto, unlike } from '../support/pictures.ts';
import { until } from '../support/until.ts';
import { sourceFacts } from '../support/uploads.ts';

let installation: Installation;
let front: FleetNode;
let back: FleetNode;
let photo: Buffer;
let key: string;
let client: SafelightClient;

beforeAll(async () => {
  installation = await createInstallation();
  photo = await smallPhoto();
  key = await keyOf(installation.test.tenants.a, ['images:read', 'images:write', 'settings:manage']);
  [front, back] = await Promise.all([
    installation.start({ roles: 'api' }),
    installation.start({ roles: 'worker,janitor' }),
  ]);
  client = createClient({ baseUrl: front.url, key });
});
afterAll(() => installation.close());

async function keyOf(tenantId: string, scopes: readonly Scope[]): Promise<string> {
  const secret = newKeySecret(systemClock);
  await installation.test.database.transaction((tx) => createKey(tx, systemClock, { tenantId, secret, scopes }));
  return secret;
}

/** What a URL answers: how wide its picture is, for how long it may be kept, and by which mark it is known. */
async function seen(url: string) {
  const answer = await fetch(url);
  const bytes = Buffer.from(await answer.arrayBuffer());
  if (answer.status !== 200) throw new Error(`${answer.status}: ${bytes}`);
  const { width } = await sharp(bytes).metadata();
  return { width, caching: answer.headers.get('cache-control'), etag: answer.headers.get('etag') };
}

const plain = (image: Image, preset: string) => `${front.url}/i/tenant-a/${image.id}/${preset}`;
const upload = () => client.images.create(unlike(photo), { wait: 30 });

describe('a preset of a tenant', () => {
  it('is made of each upload, named in its URLs, and nobody else’s', async () => {
    const made = await client.presets.put('hero', { transformation: 'fm=webp&w=200' });
    expect(made).toMatchObject({
      name: 'hero',
      version: 1,
      transformation: 'fit=max&fm=webp&q=80&w=200',
      onUpload: true,
    });
    const image = await upload();
    expect(Object.keys(image.urls)).toEqual(['original', 'small', 'medium', 'large', 'hero']);
    expect(image.renditions.find(({ preset }) => preset === 'hero')).toMatchObject({ state: 'ready', format: 'webp' });
    expect(await seen(image.urls.hero ?? '')).toMatchObject({
      width: 200,
      caching: expect.stringContaining('immutable'),
    });
    const theirKey = await keyOf(installation.test.tenants.b, ['images:read', 'images:write', 'settings:manage']);
    const theirs = createClient({ baseUrl: front.url, key: theirKey });
    const other = await theirs.images.create(unlike(photo));
    expect(Object.keys(other.urls)).toEqual(['original', 'small', 'medium', 'large']);
    await expectProblem(await fetch(`${front.url}/i/tenant-b/${other.id}/hero`), 'preset_not_found');
    await expect(theirs.presets.get('hero')).rejects.toMatchObject({ code: 'preset_not_found' });
    await client.presets.remove('hero');
    await expectProblem(await fetch(plain(image, 'hero')), 'preset_not_found');
    // Handed out before, and made: it is what it named.
    expect(await seen(image.urls.hero ?? '')).toMatchObject({
      width: 200,
      caching: expect.stringContaining('immutable'),
    });
  });

  it('that is made on demand is made when somebody asks for it', async () => {
    await client.presets.put('card', { transformation: { w: 64, h: 64, fit: 'crop' }, onUpload: false });
    const image = await upload();
    expect(image.renditions).toHaveLength(3);
    expect(await seen(image.urls.card ?? '')).toMatchObject({ width: 64 });
    // It answers with what it was, and is made anew since somebody asked.
    const changed = await client.presets.put('card', { transformation: 'w=32&h=32&fit=crop', onUpload: false });
    expect(changed).toMatchObject({ version: 2, progress: { total: 0, pending: 0 } });
    expect(await seen(plain(image, 'card'))).toMatchObject({ width: 64, caching: 'public, max-age=10' });
    await until('it is made anew', async () => (await seen(plain(image, 'card'))).width === 32);
    await client.presets.remove('card');
  });

  it('is refused when it makes no sense, with what is wrong', async () => {
    const put = (name: string, body: unknown) =>
      fetch(`${front.url}/v1/presets/${name}`, {
        method: 'PUT',
        headers: { authorization: `Bearer ${key}`, 'content-type': 'application/json' },
        body: JSON.stringify(body),
      });
    for (const [name, body] of [
      ['hero', {}],
      ['hero', { transformation: 'w=0' }],
      ['hero', { transformation: 'nonsense=1' }],
      ['hero', { transformation: 'w=1&w=2' }],
      ['hero', { transformation: { w: 'wide' } }],
      ['hero', { transformation: 'w=5&expires=1' }],
      ['hero', { transformation: 'w=5&auto=format' }],
      ['hero', { transformation: '%zz' }],
      ['hero', { transformation: 'w=5', onUpload: 'yes' }],
      ['hero', { transformation: 'w=5', more: 1 }],
      ['original', { transformation: 'w=5' }],
      ['Hero', { transformation: 'w=5' }],
      ['-', { transformation: 'w=5' }],
      ['a'.repeat(33), { transformation: 'w=5' }],
    ] as const) {
      await expectProblem(await put(name, body), 'request_invalid');
    }
    await expect(client.presets.remove('hero%00')).rejects.toMatchObject({ code: 'preset_not_found' });
    const reader = createClient({ baseUrl: front.url, key: installation.tenant.authorization.slice('Bearer '.length) });
    await expect(reader.presets.list()).rejects.toMatchObject({ code: 'scope_missing' });
  });

  it('can be looked after at the command line', async () => {
    const safelight = (...args: string[]) =>
      runCommand(['preset', ...args, '--url', front.url, '--key', key], { SAFELIGHT_DATA: installation.folder });
    const made = await safelight('set', 'banner', 'w=5', 'fm=webp', '--on-demand');
    expect(made.stdout).toMatch(/^banner +1 +on demand/m);
    expect((await safelight('list')).stdout).toMatch(/^small +1 +with uploads +fit=max/m);
    expect(await safelight('remove', 'banner')).toMatchObject({ code: 0 });
    await expect(client.presets.remove('banner')).rejects.toMatchObject({ code: 'preset_not_found' });
  });
});

describe('a change of a preset', () => {
  it('reaches every picture, those included that are sent in the same moment', async () => {
    const before = await upload();
    const sent = Promise.all(Array.from({ length: 6 }, () => client.images.create(unlike(photo))));
    await client.presets.put('medium', { transformation: 'w=40&h=40' });
    const images = [before, ...(await sent)];
    for (const image of images) {
      await until('it is made anew', async () => (await seen(plain(image, 'medium'))).width === 40);
    }
    await until('all are counted', async () => (await client.presets.get('medium')).progress.pending === 0);
    const { progress } = await client.presets.get('medium');
    expect(progress.done).toBe(progress.total);
  });

  it('shows what was there before until the new one is made, and what a URL named for ever', async () => {
    const image = await upload();
    const url = image.urls.small ?? '';
    const old = await seen(url);
    expect(old).toMatchObject({ width: 100, caching: expect.stringContaining('immutable') });
    await back.stop();

    const changed = await client.presets.put('small', { transformation: 'w=50&h=50' });
    expect(changed).toMatchObject({ version: 2, progress: { version: 2, done: 0, failed: 0 } });
    expect(changed.progress.pending).toBe(changed.progress.total);
    const now = await client.images.get(image.id);
    expect(now.urls.small).not.toBe(url);
    for (const unchanged of [plain(image, 'small'), now.urls.small ?? '']) {
      expect(await seen(unchanged)).toEqual({ ...old, caching: 'public, max-age=10' });
    }
    expect(await seen(url)).toEqual(old);

    back = await installation.start({ roles: 'worker,janitor' });
    await until('all are made anew', async () => {
      const { total, done, pending } = (await client.presets.get('small')).progress;
      return pending === 0 && done === total;
    });
    const moved = await until('the node has seen it', async () => {
      const one = await seen(plain(image, 'small'));
      return one.width === 50 && one;
    });
    expect(moved).toMatchObject({ caching: 'public, max-age=300' });
    expect(moved.etag).not.toBe(old.etag);
    expect(await seen(now.urls.small ?? '')).toMatchObject({
      width: 50,
      caching: expect.stringContaining('immutable'),
    });
    expect(await seen(url)).toEqual(old);
    expect((await client.images.get(image.id)).renditions.find(({ preset }) => preset === 'small')).toMatchObject({
      state: 'ready',
      width: 50,
    });
  });

  it('goes on where it was when the node that goes through the pictures is killed', async () => {
    const { database, tenants } = installation.test;
    await back.stop();
    await database.query(
      `INSERT INTO originals (tenant_id, original_id, sha256, object_key, bytes, format, width, height, frames, facts)
       SELECT $1, 'orig_' || lpad(n::text, 26, '0'), decode(lpad(to_hex(n), 64, '0'), 'hex'), $1 || '/' || n,
         1000, 'jpeg', 1200, 800, 1, $2::jsonb
       FROM generate_series(1, 300) AS n`,
      [tenants.b, JSON.stringify(sourceFacts())],
    );
    const act = { tenantId: tenants.b, actor: 'key_1', name: 'hero' };
    const wish = { transformation: 'fit=max&w=7', onUpload: true };
    await database.asTenant(tenants.b, (tx) => putPreset(tx, systemClock, act, wish));
    const ordered = async () => {
      const [row] = await database.query<{ renditions: number }>(
        'SELECT count(*) AS renditions FROM renditions WHERE tenant_id = $1 AND transformation = $2',
        [tenants.b, wish.transformation],
      );
      return row?.renditions ?? 0;
    };
    const janitor = await installation.start({ roles: 'janitor' });
    await until('some are ordered', async () => (await ordered()) >= 25);
    await janitor.kill();
    const before = await ordered();
    expect(before).toBeLessThanOrEqual(250);
    await database.query(
      `UPDATE renditions SET state = 'failed', job_id = NULL, cause_code = 'decode_failed', cause_message = 'no picture'
       WHERE tenant_id = $1 AND transformation = $2`,
      [tenants.b, wish.transformation],
    );
    await database.query('DELETE FROM jobs WHERE tenant_id = $1', [tenants.b]);
    await installation.start({ roles: 'janitor' });
    const progress = async () => (await getPreset(database, tenants.b, 'hero'))?.progress;
    await until('those before are counted, and others are ordered', async () => (await ordered()) > before);
    const { total = 0, failed, done, pending = 0 } = (await progress()) ?? {};
    expect({ failed, done, pending }).toEqual({ failed: before, done: 0, pending: total - before });
    await until('the rest is ordered', async () => (await ordered()) === Math.min(total, before + 250));
  });
});
