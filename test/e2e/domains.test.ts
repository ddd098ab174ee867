import { execFile } from 'node:child_process';
import { readFile } from 'node:fs/promises';
import { request } from 'node:http';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import type { Domain, Image } from '@safelight/contract';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { createClient, signUrl } from '../../packages/sdk/src/index.ts';
import { systemClock } from '../../packages/service/src/core/clock.ts';
import { withSignature } from '../../packages/service/src/http/signature.ts';
import { putDomain } from '../../packages/service/src/tenants/index.ts';
import { expectImage, expectProblem, sendImage } from '../support/answers.ts';
import { withNodeDatabase } from '../support/node-database.ts';
import { smallPhoto } from '../support/pictures.ts';
import { Safelight } from '../support/safelight.ts';
import { until } from '../support/until.ts';
import { urlKeyOf } from '../support/url-keys.ts';

const BIN = fileURLToPath(new URL('../../packages/service/bin/safelight.mjs', import.meta.url));
const HOST = 'img.shop.example';

let node: Safelight;
let image: Image;
let key: Uint8Array;

beforeAll(async () => {
  node = await Safelight.start({ env: { SAFELIGHT_WORKERS: '2' } });
  image = await expectImage(await sendImage(node, await smallPhoto(), '?wait=30'));
  key = await urlKeyOf(node, 'demo');
});
afterAll(() => node.close());

const soon = () => Math.floor(Date.now() / 1_000) + 600;

/** A request that names a host of its own. */
async function at(
  host: string,
  path: string,
  { method = 'GET', headers = {} }: { method?: string; headers?: Record<string, string> } = {},
): Promise<Response> {
  const { promise, resolve, reject } = Promise.withResolvers<Response>();
  const { hostname, port } = new URL(node.url);
  request({ hostname, port, path, method, headers: { ...headers, host }, agent: false }, (answer) => {
    const chunks: Buffer[] = [];
    answer.on('data', (chunk: Buffer) => chunks.push(chunk));
    answer.on('end', () => {
      const body = chunks.length > 0 ? Buffer.concat(chunks) : null;
      const told = Object.entries(answer.headers).map(([name, value]) => [name, String(value)] as [string, string]);
      resolve(new Response(body, { status: answer.statusCode ?? 0, headers: told }));
    });
  })
    .on('error', reject)
    .end();
  return promise;
}

async function safelight(...words: string[]): Promise<string> {
  const env = { PATH: process.env.PATH, HOME: process.env.HOME, SAFELIGHT_DATA: node.data };
  return (await promisify(execFile)(process.execPath, [BIN, ...words], { env })).stdout;
}

async function put(host: string, body: object = {}): Promise<Response> {
  const headers = { 'content-type': 'application/json' };
  return node.fetch(`/v1/domains/${host}`, { method: 'PUT', headers, body: JSON.stringify(body) });
}

describe('a host that a tenant claims', () => {
  it('is told what the DNS has to say, and serves nothing before', async () => {
    const claimed = (await (await put(HOST)).json()) as Domain;
    expect(claimed).toMatchObject({ host: HOST, state: 'unproved', isPrimary: false });
    expect(claimed.record).toEqual({
      name: `_safelight.${HOST}`,
      type: 'TXT',
      value: expect.stringMatching(/^safelight=.{27}$/),
    });
    expect(((await (await put(HOST)).json()) as Domain).record).toEqual(claimed.record);
    await expectProblem(await at(HOST, `/${image.id}/small`), 'route_not_found');
    expect((await at(HOST, '/v1/images')).status).toBe(401);
  });

  it('is a name of the DNS, and one that was not claimed cannot be given up', async () => {
    for (const host of ['localhost', '127.0.0.1', 'Img.shop.example', 'a_b.example', 'img.shop.example:80']) {
      await expectProblem(await put(host), 'request_invalid');
    }
    await expectProblem(await node.fetch('/v1/domains/other.example', { method: 'DELETE' }), 'domain_not_found');
  });
});

describe('a host that is proved', () => {
  beforeAll(async () => {
    expect(await safelight('domain', 'verify', HOST)).toContain('is proved');
    await until('the node to have heard', async () => (await at(HOST, `/${image.id}/small`)).status === 200);
  });

  it('serves the tenant’s pictures under paths without its name, signed as they are sent', async () => {
    expect((await at(HOST, `/${image.id}/small`, { method: 'HEAD' })).status).toBe(200);
    expect((await at(HOST, withSignature(key, `/${image.id}?w=70`))).status).toBe(200);
    expect((await at(HOST, withSignature(key, `/${image.id}/original`))).status).toBe(200);
    const { search } = new URL(await signUrl({ baseUrl: node.url, tenant: 'demo', image: image.id, key }, { w: 70 }));
    await expectProblem(await at(HOST, `/${image.id}${search}`), 'signature_invalid');
    const own = new URL(
      await signUrl({ baseUrl: `https://${HOST}`, image: image.id, key }, { w: 71 }, { expires: soon() }),
    );
    expect((await at(HOST, `${own.pathname}${own.search}`)).status).toBe(200);
    expect((await at(`${HOST.toUpperCase()}:8080`, `/${image.id}/small`)).status).toBe(200);
  });

  it('serves nothing else: no API, no page, no other path of a tenant', async () => {
    const authorization = `Bearer ${await node.demoKey()}`;
    const paths = [
      '/',
      '/v1/images',
      `/i/demo/${image.id}/small`,
      `/iiif/3/${image.id}/info.json`,
      '/openapi.json',
      '/metrics',
      '/readyz',
      '/docs',
      '/assets/x.js',
    ];
    for (const path of paths) {
      const { status } = await at(HOST, path, { headers: { authorization } });
      expect([path, status]).toEqual([path, 404]);
    }
    expect((await at(HOST, '/v1/images', { method: 'POST', headers: { authorization } })).status).toBe(404);
    // And its paths are nobody's elsewhere.
    expect((await at('other.example', `/${image.id}/small`)).status).toBe(404);
    expect((await fetch(`${node.url}/${image.id}/small`)).status).toBe(404);
    expect((await fetch(`${node.url}/session?t=x`)).status).toBe(404);
  });

  it('stands in the URLs that the API tells', async () => {
    const shown = await expectImage(await node.fetch(`/v1/images/${image.id}`));
    for (const text of [...Object.values(shown.urls), ...shown.renditions.map(({ url }) => url)]) {
      const url = new URL(text);
      expect([url.host, (await at(HOST, `${url.pathname}${url.search}`)).status]).toEqual([HOST, 200]);
    }
  });

  it('takes delivery tokens, and keeps one in a cookie', async () => {
    const hidden = await expectImage(await sendImage(node, await smallPhoto(), '?wait=30&visibility=private'));
    expect((await at(HOST, `/${hidden.id}/small`)).status).toBe(404);
    const client = createClient({ baseUrl: node.url, key: await node.demoKey() });
    const { token } = await client.deliveryTokens.create({ images: [hidden.id] });
    const opened = await at(HOST, `/session?t=${token}`);
    expect([opened.status, opened.headers.get('set-cookie')?.includes('; Path=/;')]).toEqual([204, true]);
    const headers = { cookie: opened.headers.get('set-cookie')?.split(';')[0] ?? '' };
    expect((await at(HOST, `/${hidden.id}/small`, { headers })).status).toBe(200);
  });

  it('shows nothing of another tenant, who can claim it but not prove it', async () => {
    const operator = createClient({ baseUrl: node.url, key: await operatorKey() });
    const rival = await operator.tenants.create({ name: 'rival' });
    const headers = { authorization: `Bearer ${rival.key}`, 'content-type': 'image/jpeg' };
    const theirs = await expectImage(
      await fetch(`${node.url}/v1/images?wait=30`, {
        method: 'POST',
        headers,
        body: Uint8Array.from(await smallPhoto()),
      }),
    );
    await expectProblem(await at(HOST, `/${theirs.id}/small`), 'image_not_found');
    expect(new URL(theirs.urls.small ?? '').pathname).toBe(`/i/rival/${theirs.id}/small`);
    const claim = { tenantId: rival.id, actor: 'test', host: HOST };
    await withNodeDatabase(node, async (database) => {
      await expect(putDomain(database, systemClock, claim, { texts: true })).rejects.toMatchObject({ reason: 'taken' });
    });
  });

  it('serves nothing any more once it is given up', async () => {
    const removed = await node.fetch(`/v1/domains/${HOST}`, { method: 'DELETE' });
    expect(await removed.json()).toEqual({ host: HOST });
    expect((await at(HOST, `/${image.id}/small`)).status).toBe(404);
    const shown = await expectImage(await node.fetch(`/v1/images/${image.id}`));
    expect(new URL(shown.urls.small ?? '').pathname).toBe(`/i/demo/${image.id}/small`);
  });
});

describe('pages of other origins', () => {
  const SHOP = 'https://shop.example';
  const ask = (origin?: string, init: RequestInit = {}) =>
    fetch(`${node.url}/i/demo/${image.id}/small`, { ...init, headers: { ...init.headers, ...(origin && { origin }) } });
  const preflight = (origin: string) =>
    ask(origin, {
      method: 'OPTIONS',
      headers: { 'access-control-request-method': 'GET', 'access-control-request-headers': 'authorization' },
    });

  it('may read every delivery while the tenant has listed none', async () => {
    const { headers } = await ask(SHOP);
    expect([headers.get('access-control-allow-origin'), headers.get('vary')]).toEqual(['*', null]);
    for (const name of ['etag', 'server-timing', 'x-safelight-cost-ms']) {
      expect(headers.get('access-control-expose-headers')).toContain(name);
    }
    const before = await preflight(SHOP);
    expect(before.headers.get('access-control-allow-headers')).toContain('authorization');
  });

  it('read them only if it has listed them', async () => {
    await node.fetch(`/v1/admin/tenants/demo`, {
      method: 'PATCH',
      headers: { authorization: `Bearer ${await operatorKey()}`, 'content-type': 'application/json' },
      body: JSON.stringify({ settings: { cors: { origins: [SHOP], credentials: true } } }),
    });
    await until('the node to have heard', async () => (await ask(SHOP)).headers.get('vary') === 'Origin');
    const allowed = (await ask(SHOP)).headers;
    expect(allowed.get('access-control-allow-origin')).toBe(SHOP);
    expect(allowed.get('access-control-allow-credentials')).toBe('true');
    for (const origin of ['https://evil.example', undefined]) {
      const { headers, status } = await ask(origin);
      expect([status, headers.get('access-control-allow-origin'), headers.get('vary')]).toEqual([200, null, 'Origin']);
    }
    expect((await preflight(SHOP)).headers.get('access-control-allow-origin')).toBe(SHOP);
    expect((await preflight('https://evil.example')).headers.get('access-control-allow-origin')).toBe(null);
    const info = await fetch(`${node.url}/iiif/3/${image.id}/info.json`, {
      headers: { origin: 'https://evil.example' },
    });
    expect([info.headers.get('access-control-allow-origin'), info.headers.get('vary')]).toEqual([
      null,
      'Origin, accept',
    ]);
    const fitting = new URL(
      await signUrl({ baseUrl: node.url, tenant: 'demo', image: image.id, key }, { w: 72 }, { auto: ['format'] }),
    );
    expect((await fetch(fitting)).headers.get('vary')).toBe('Origin, Accept');
  });
});

async function operatorKey(): Promise<string> {
  return (await readFile(`${node.data}/operator-key`, 'utf8')).trim();
}
