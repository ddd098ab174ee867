import { readFile } from 'node:fs/promises';
import type { Image, UploadUrls } from '@safelight/contract';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { createClient, signDeliveryToken } from '../../packages/sdk/src/index.ts';
import { systemClock } from '../../packages/service/src/core/clock.ts';
import { withSignature } from '../../packages/service/src/http/signature.ts';
import { changeImage } from '../../packages/service/src/images/index.ts';
import { findTenant } from '../../packages/service/src/tenants/index.ts';
import { expectImage, expectProblem, sendImage } from '../support/answers.ts';
import { withNodeDatabase } from '../support/node-database.ts';
import { smallPhoto } from '../support/pictures.ts';
import { Safelight } from '../support/safelight.ts';
import { until } from '../support/until.ts';
import { allowUnsigned, signedUrl, urlKeyOf } from '../support/url-keys.ts';

/** Well formed, and nobody's. */
const NEVER = 'img_01k00000000000000000000000';
const TRANSFORMATION = 'w=77';

let node: Safelight;
let hidden: Image;
let shown: Image;
let key: Uint8Array;

beforeAll(async () => {
  node = await Safelight.start({ env: { SAFELIGHT_WORKERS: '2' } });
  hidden = await expectImage(await sendImage(node, await smallPhoto(), '?wait=30&visibility=private'));
  shown = await expectImage(await sendImage(node, await smallPhoto(), '?wait=30'));
  key = await urlKeyOf(node, 'demo');
  await allowUnsigned(node, 'demo', 'open');
  // The node follows the change.
  await until('unsigned URLs to pass', async () => (await fetch(`${node.url}/i/demo/${shown.id}?w=50`)).status === 200);
});
afterAll(() => node.close());

const keyOfOperator = async () => (await readFile(`${node.data}/operator-key`, 'utf8')).trim();
const soon = () => Math.floor(Date.now() / 1_000) + 600;
const signed = (path: string) => `${node.url}${withSignature(key, path)}`;
const until10 = (path: string) => signed(`${path}${path.includes('?') ? '&' : '?'}expires=${soon()}`);

/** All that a client sees of an answer but what differs between any two. */
async function answerTo(url: string, init: RequestInit = {}) {
  const response = await fetch(url, init);
  const headers = Object.fromEntries(response.headers);
  for (const name of ['x-request-id', 'date', 'content-length']) delete headers[name];
  const text = (await response.text()).replaceAll(/"requestId":"[^"]*"/g, '').replaceAll(/img_[0-9a-z]{26}/g, 'IMAGE');
  return { status: response.status, headers, text };
}

/** Every way by which bytes of an image, or facts of it, could leave without a signature. */
const WAYS: Readonly<Record<string, (image: string) => readonly [string, RequestInit?]>> = {
  'a preset': (image) => [`/i/demo/${image}/small`],
  'a preset by its version': (image) => [`/i/demo/${image}/small?v=${versionOf(shown)}`],
  'HEAD of a preset': (image) => [`/i/demo/${image}/small`, { method: 'HEAD' }],
  'a part of a preset': (image) => [`/i/demo/${image}/small`, { headers: { range: 'bytes=0-3' } }],
  'a preset that the client has': (image) => [`/i/demo/${image}/small`, { headers: { 'if-none-match': etag } }],
  'any rendition': (image) => [`/i/demo/${image}?${TRANSFORMATION}`],
  'one that was never made': (image) => [`/i/demo/${image}?w=78`],
  'what fits the client': (image) => [
    `/i/demo/${image}?w=60&auto=format,compress`,
    { headers: { accept: 'image/avif' } },
  ],
  'what fits the client’s hints': (image) => [`/i/demo/${image}?ch=width`, { headers: { 'sec-ch-width': '60' } }],
  'one that another picture is laid over': (image) => [`/i/demo/${image}?w=60&mark=${shown.id}`],
  'the mark over another picture': (image) => [`/i/demo/${shown.id}?w=60&mark=${image}`],
  'the original': (image) => [`/i/demo/${image}/original`],
  'its info.json': (image) => [`/iiif/3/${image}/info.json`],
  'a tile': (image) => [`/iiif/3/${image}/full/max/0/default.jpg`],
  'the base URI': (image) => [`/iiif/3/${image}`, { redirect: 'manual' }],
  'a token for another image': (image) => [
    `/i/demo/${image}/small`,
    { headers: { authorization: `Bearer ${tokenOfShown}` } },
  ],
  'a signature without an end': (image) => [withSignature(key, `/i/demo/${image}?${TRANSFORMATION}`)],
};
const versionOf = (image: Image) => new URL(image.urls.small ?? '').searchParams.get('v') ?? '';
let etag = '';
let tokenOfShown = '';

async function tokenFor(images?: string[], expiresInSeconds = 600): Promise<string> {
  const response = await node.fetch('/v1/delivery-tokens', {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({ expiresInSeconds, ...(images && { images }) }),
  });
  expect(response.status).toBe(201);
  return ((await response.json()) as { token: string }).token;
}

describe('a private image', () => {
  beforeAll(async () => {
    // What is warm must be as closed as what is cold.
    for (const path of [`/i/demo/${hidden.id}?${TRANSFORMATION}`, `/i/demo/${hidden.id}?w=60&auto=format,compress`]) {
      expect((await fetch(until10(path), { headers: { accept: 'image/avif' } })).status).toBe(200);
    }
    const preset = await fetch(until10(`/i/demo/${hidden.id}/small`));
    etag = preset.headers.get('etag') ?? '';
    expect(preset.status).toBe(200);
    tokenOfShown = await tokenFor([shown.id]);
  });

  it('says so, and its URLs work at once and end', async () => {
    expect([hidden.visibility, shown.visibility]).toEqual(['private', 'public']);
    for (const url of [...Object.values(hidden.urls), ...hidden.renditions.map((one) => one.url)]) {
      const expires = Number(new URL(url).searchParams.get('expires')) - Date.now() / 1_000;
      expect(expires).toBeGreaterThan(3_500);
      expect(expires).toBeLessThan(4_600);
      const response = await fetch(url);
      expect(response.status).toBe(200);
      const [, age] = /^private, max-age=(\d+)/.exec(response.headers.get('cache-control') ?? '') ?? [];
      expect(Number(age)).toBeLessThanOrEqual(expires);
    }
  });

  it.each(Object.keys(WAYS))('answers a stranger like one that never was: %s', async (name) => {
    const way = WAYS[name];
    if (!way) throw new Error('no such way');
    const ask = (image: string) => {
      const [path, init] = way(image);
      return answerTo(`${node.url}${path}`, init);
    };
    const [ofHidden, ofNever] = [await ask(hidden.id), await ask(NEVER)];
    expect(ofHidden).toEqual(ofNever);
    expect(ofHidden.status).toBeGreaterThanOrEqual(400);
    if (name !== 'the original' && !name.startsWith('a token')) {
      const isThere = await ask(shown.id);
      expect([200, 206, 303, 304]).toContain(isThere.status);
    }
  });

  it.each(['a preset', 'any rendition', 'what fits the client', 'the original'])(
    'is shown to who has its URL signed until some time: %s',
    async (name) => {
      const [path = '', init] = WAYS[name]?.(hidden.id) ?? [];
      const response = await fetch(until10(path), init);
      expect([response.status, response.headers.get('cache-control')?.startsWith('private, max-age=')]).toEqual([
        200,
        true,
      ]);
      expect((await fetch(signed(`${path}${path.includes('?') ? '&' : '?'}expires=1000`), init)).status).toBe(403);
    },
  );

  it('is laid over another where that is signed', async () => {
    const url = await signedUrl(node, shown.id, { w: 60, mark: hidden.id });
    expect((await fetch(url)).status).toBe(200);
    expect((await answerTo(`${node.url}/i/demo/${shown.id}?w=60&mark=${hidden.id}`)).status).toBe(422);
  });
});

describe('a delivery token', () => {
  it.each(['a preset', 'any rendition', 'one that was never made', 'what fits the client', 'the original'])(
    'stands in for the signature: %s',
    async (name) => {
      const token = await tokenFor([hidden.id]);
      const [path = '', init] = WAYS[name]?.(hidden.id) ?? [];
      const inQuery = await fetch(`${node.url}${path}${path.includes('?') ? '&' : '?'}t=${token}`, init);
      const inHeader = await fetch(`${node.url}${path}`, {
        headers: { ...init?.headers, authorization: `Bearer ${token}` },
      });
      expect([inQuery.status, inHeader.status]).toEqual([200, 200]);
      const [, age] = /^private, max-age=(\d+)/.exec(inQuery.headers.get('cache-control') ?? '') ?? [];
      expect(Number(age)).toBeLessThanOrEqual(600);
    },
  );

  it('opens IIIF to viewers that send it', async () => {
    const headers = { authorization: `Bearer ${await tokenFor()}` };
    for (const path of [`/iiif/3/${hidden.id}/info.json`, `/iiif/3/${hidden.id}/full/max/0/default.jpg`]) {
      const response = await fetch(`${node.url}${path}`, { headers });
      expect([response.status, response.headers.get('cache-control')]).toEqual([200, 'private, max-age=300']);
    }
    expect((await fetch(until10(`/iiif/3/${hidden.id}/info.json`))).status).toBe(200);
  });

  it('goes into a cookie, by which img elements of the same site show the picture', async () => {
    const opened = await fetch(`${node.url}/i/demo/session?t=${await tokenFor([hidden.id])}`);
    expect(opened.status).toBe(204);
    const cookie = opened.headers.get('set-cookie') ?? '';
    expect(cookie).toMatch(/^safelight-delivery=[^;]+; Path=\/i\/demo; Max-Age=(599|600); HttpOnly; SameSite=Lax$/);
    const headers = { cookie: cookie.split(';')[0] ?? '' };
    expect((await fetch(`${node.url}/i/demo/${hidden.id}/small`, { headers })).status).toBe(200);
    expect((await fetch(`${node.url}/i/demo/${shown.id}/original`, { headers })).status).toBe(403);
    expect(
      (await fetch(`${node.url}/i/demo/${shown.id}/small`, { headers: { cookie: 'safelight-delivery=old' } })).status,
    ).toBe(200);
  });

  it('is refused when it is over, another tenant’s, changed, or made for longer than a week', async () => {
    const token = await tokenFor([hidden.id]);
    const [payload = '', signature = ''] = token.split('.');
    const claims = JSON.parse(Buffer.from(payload, 'base64url').toString());
    const remade = (change: object) =>
      `${Buffer.from(JSON.stringify({ ...claims, ...change })).toString('base64url')}.${signature}`;
    const now = Math.floor(Date.now() / 1_000);
    const ofDays = (days: number) => signDeliveryToken(key, { expires: Math.round(now + days * 86_400) });
    expect((await fetch(`${node.url}/i/demo/${hidden.id}/small?t=${await ofDays(6.9)}`)).status).toBe(200);
    const foreign = await signDeliveryToken(Buffer.alloc(32, 7), { expires: now + 60 });
    const lasting = [await ofDays(-0.001), await ofDays(7.1), foreign];
    for (const bad of [...lasting, remade({ images: undefined }), remade({ expires: now + 999 }), 'nonsense', '']) {
      expect([bad, (await fetch(`${node.url}/i/demo/${hidden.id}/small?t=${bad}`)).status]).toEqual([bad, 403]);
      expect((await fetch(`${node.url}/i/demo/session?t=${bad}`)).status).toBe(403);
    }
    expect((await fetch(`${node.url}/i/nobody/session?t=${token}`)).status).toBe(403);
  });
});

describe('the visibility of an image', () => {
  const change = (id: string, body: object) =>
    node.fetch(`/v1/images/${id}`, {
      method: 'PATCH',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify(body),
    });

  it('changes at once on a node that has it in memory, both ways', async () => {
    const { id } = await expectImage(await sendImage(node, await smallPhoto(), '?wait=30'));
    const ask = async () => [
      (await fetch(`${node.url}/i/demo/${id}/small`)).status,
      (await fetch(`${node.url}/i/demo/${id}?w=60&auto=format`)).status,
      (await fetch(`${node.url}/iiif/3/${id}/info.json`)).status,
    ];
    expect(await ask()).toEqual([200, 200, 200]);
    const changed = await change(id, { visibility: 'private' });
    expect(await changed.json()).toMatchObject({ id, visibility: 'private' });
    expect(await ask()).toEqual([404, 404, 404]);
    await change(id, { visibility: 'public' });
    expect(await ask()).toEqual([200, 200, 200]);
  });

  it('is heard of at once when another node changes it', async () => {
    const { id } = await expectImage(await sendImage(node, await smallPhoto(), '?wait=30'));
    const statusOf = async () => (await fetch(`${node.url}/i/demo/${id}/small`)).status;
    expect(await statusOf()).toBe(200);
    const since = performance.now();
    await withNodeDatabase(node, async (database) => {
      const tenantId = (await findTenant(database, 'demo'))?.tenantId ?? '';
      const wish = { tenantId, imageId: id, actor: 'test', address: undefined, isPrivate: true };
      expect(await changeImage(database, systemClock, wish)).toEqual({ state: 'found', value: { stale: [id] } });
      // Another node's facts would be taken for good for five seconds.
      await until('the node to have heard', async () => (await statusOf()) === 404, 4_000);
      const told = await database.query<{ type: string; data: unknown }>(
        `SELECT type, data FROM event_inbox WHERE image_id = $1 AND type IN ('image.changed', 'delivery.purged')
         UNION ALL SELECT type, data FROM events WHERE image_id = $1 AND type IN ('image.changed', 'delivery.purged')`,
        [id],
      );
      expect(told).toHaveLength(2);
      expect(told).toContainEqual({ type: 'image.changed', data: { visibility: 'private' } });
      expect(told).toContainEqual({ type: 'delivery.purged', data: { scope: 'image' } });
    });
    expect(performance.now() - since).toBeLessThan(30_000);
  });

  it('changes beside its tags, and what is not named stays', async () => {
    const { id } = await expectImage(await sendImage(node, await smallPhoto(), '?wait=30&tags=a,b&visibility=private'));
    expect(await (await change(id, { tags: ['b', 'c'] })).json()).toMatchObject({
      tags: ['b', 'c'],
      visibility: 'private',
    });
    expect(await (await change(id, { visibility: 'public' })).json()).toMatchObject({
      tags: ['b', 'c'],
      visibility: 'public',
    });
    expect((await change(id, { visibility: 'secret' })).status).toBe(400);
    expect((await change(NEVER, { tags: [] })).status).toBe(404);
  });

  it('comes with a form as well', async () => {
    const form = new FormData();
    form.set('visibility', 'private');
    form.set('image', new Blob([Uint8Array.from(await smallPhoto())]), 'a.jpg');
    const sent = await expectImage(await node.fetch('/v1/images', { method: 'POST', body: form }));
    expect(sent.visibility).toBe('private');
  });

  it('is what an upload token or the settings say, where they do', async () => {
    const client = createClient({ baseUrl: node.url, key: await node.demoKey() });
    const { token } = await client.uploads.createToken({ visibility: 'private', imagesMax: 2 });
    const bearer = createClient({ baseUrl: node.url, key: token });
    const photo = new Blob([Uint8Array.from(await smallPhoto())], { type: 'image/jpeg' });
    expect((await bearer.images.create(photo, { visibility: 'public' })).visibility).toBe('private');
    expect((await bearer.uploads.resumable(photo, { filename: 'a.jpg' })).visibility).toBe('private');
    expect((await client.uploads.resumable(photo, { filename: 'b.jpg', visibility: 'private' })).visibility).toBe(
      'private',
    );
    const operator = createClient({ baseUrl: node.url, key: await keyOfOperator() });
    await operator.tenants.change('demo', { settings: { visibility: 'private' } });
    expect((await client.images.create(photo)).visibility).toBe('private');
    expect((await client.images.create(photo, { visibility: 'public' })).visibility).toBe('public');
    const exercise = (await (await node.upload(await smallPhoto())).json()) as UploadUrls;
    for (const url of Object.values(exercise)) expect((await fetch(url)).status).toBe(200);
    await expectProblem(await fetch((exercise.small ?? '').replace(/[?].*/, '')), 'image_not_found');
    await operator.tenants.putPlan('plain', { features: ['open_urls'] });
    await operator.tenants.change('demo', { plan: 'plain', settings: { visibility: 'public' } });
    await expectProblem(await sendImage(node, await smallPhoto(), '?visibility=private'), 'feature_not_in_plan');
    await expectProblem(await change(shown.id, { visibility: 'private' }), 'feature_not_in_plan');
    await operator.tenants.change('demo', { plan: 'unlimited' });
  });

  it('is told of one that was deleted to nobody either', async () => {
    const gone = await expectImage(await sendImage(node, await smallPhoto(), '?wait=30&visibility=private'));
    await node.fetch(`/v1/images/${gone.id}`, { method: 'DELETE' });
    const [ofGone, ofNever] = [`${node.url}/i/demo/${gone.id}/small`, `${node.url}/i/demo/${NEVER}/small`];
    expect(await answerTo(ofGone)).toEqual(await answerTo(ofNever));
    expect((await fetch(until10(`/i/demo/${gone.id}/small`))).status).toBe(410);
  });
});
