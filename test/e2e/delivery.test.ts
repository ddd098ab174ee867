import { createHash } from 'node:crypto';
import type { Image } from '@safelight/contract';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { expectBound, expectImage, expectProblem, sendImage } from '../support/answers.ts';
import { picture, smallPhoto, unlike } from '../support/pictures.ts';
import { awaitWorkers, workersOf } from '../support/processes.ts';
import { connectTo } from '../support/raw-http.ts';
import { Safelight } from '../support/safelight.ts';
import { until } from '../support/until.ts';

let node: Safelight;
let photo: Buffer;
/** An image whose renditions are all ready. */
let image: Image;
let large: { url: string; bytes: Buffer; etag: string };

beforeAll(async () => {
  photo = await smallPhoto();
  node = await Safelight.start({
    env: { SAFELIGHT_WORKERS: '1', SAFELIGHT_WAIT_SECONDS: '2', SAFELIGHT_WAITERS_MAX: '6' },
  });
  image = await expectImage(await sendImage(node, photo, '?wait=30'));
  const url = image.urls.large ?? '';
  const response = await fetch(url);
  const bytes = Buffer.from(await response.arrayBuffer());
  large = { url, bytes, etag: response.headers.get('etag') ?? '' };
});
afterAll(() => node.close());

const get = (headers: Record<string, string>, url = large.url, method = 'GET') => fetch(url, { headers, method });
const bytesOf = async (response: Response) => Buffer.from(await response.arrayBuffer());
const without = (url: string, parameter: string) => {
  const changed = new URL(url);
  changed.searchParams.delete(parameter);
  return changed.href;
};

describe('an answer with a picture', () => {
  it('carries the digest of its bytes as its tag, and the headers that keep browsers safe', async () => {
    const response = await get({ origin: 'https://shop.example' });
    const bytes = await bytesOf(response);
    const headers = Object.fromEntries(response.headers);
    expect(headers).toMatchObject({
      'content-type': 'image/jpeg',
      'content-length': String(bytes.length),
      etag: `"${createHash('sha256').update(bytes).digest('base64url')}"`,
      'accept-ranges': 'bytes',
      'x-content-type-options': 'nosniff',
      'access-control-allow-origin': '*',
      'cross-origin-resource-policy': 'cross-origin',
    });
    expect(headers['content-security-policy']).toContain('sandbox');
    expect(headers['x-request-id']).toMatch(/^req_/);
  });

  it('is immutable only under its own version, for five minutes without, and private for an original', async () => {
    const cacheOf = async (url: string) => (await get({}, url)).headers.get('cache-control');
    expect(await cacheOf(large.url)).toBe('public, max-age=31536000, immutable');
    expect(await cacheOf(without(large.url, 'v'))).toBe('public, max-age=300');
    expect(await cacheOf(large.url.replace(/v=[^&]*/, 'v=x'))).toBe('public, max-age=300');
    expect(await cacheOf(image.urls.original ?? '')).toBe('private, max-age=300');
  });

  it('has no body for HEAD, and every header all the same', async () => {
    const head = await get({}, large.url, 'HEAD');
    expect(head.status).toBe(200);
    expect(head.headers.get('content-length')).toBe(String(large.bytes.length));
    expect(head.headers.get('etag')).toBe(large.etag);
    expect((await bytesOf(head)).length).toBe(0);
  });

  it('serves an SVG that was uploaded as an attachment, and its renditions as pixels', async () => {
    const svg = await expectImage(await sendImage(node, await picture('vector'), '?wait=30&filename=lamp.svg'));
    expect(svg).toMatchObject({ format: 'svg', state: 'ready' });
    const original = await get({}, svg.urls.original);
    expect(original.headers.get('content-type')).toBe('image/svg+xml');
    expect(original.headers.get('content-disposition')).toBe("attachment; filename*=UTF-8''lamp.svg");
    expect(original.headers.get('content-security-policy')).toContain('sandbox');
    expect((await get({}, svg.urls.small)).headers.get('content-type')).toMatch(/^image\/(jpeg|png)$/);
  });

  it('tells the name of an original in a form that no header can be broken with', async () => {
    const filename = encodeURIComponent('a"b\r\nSet-Cookie: x=1; ü (1).jpg');
    const named = await expectImage(await sendImage(node, photo, `?filename=${filename}`));
    const original = await get({}, named.urls.original);
    expect(original.headers.get('set-cookie')).toBeNull();
    expect(original.headers.get('content-disposition')).toBe(
      "inline; filename*=UTF-8''a%22bSet-Cookie%3A%20x%3D1%3B%20%C3%BC%20%281%29.jpg",
    );
  });
});

describe('a conditional request', () => {
  it.each([
    ['the tag', (etag: string) => etag],
    ['the tag in its weak form', (etag: string) => `W/${etag}`],
    ['a list with the tag', (etag: string) => `"other", ${etag}`],
    ['any tag', () => '*'],
  ])('answers 304 without a body to %s', async (_, write) => {
    const response = await get({ 'if-none-match': write(large.etag) });
    expect(response.status).toBe(304);
    expect(response.headers.get('etag')).toBe(large.etag);
    expect(response.headers.get('cache-control')).toContain('immutable');
    expect((await bytesOf(response)).length).toBe(0);
  });

  it('answers 200 to another tag', async () => {
    expect((await get({ 'if-none-match': '"other"' })).status).toBe(200);
    expect((await get({ 'if-none-match': large.etag.slice(1, -1) })).status).toBe(200);
  });
});

describe('a request for a range', () => {
  it.each([
    ['bytes=0-99', 0, 99],
    ['bytes=100-199', 100, 199],
    ['bytes=500-', 500, -1],
    ['bytes=-50', -50, -1],
    ['bytes=0-99999999', 0, -1],
  ])('answers 206 with just these bytes to %s', async (range, first, last) => {
    const { length } = large.bytes;
    const [from, to] = [first < 0 ? length + first : first, last < 0 ? length - 1 : last];
    const response = await get({ range });
    expect(response.status).toBe(206);
    expect(response.headers.get('content-range')).toBe(`bytes ${from}-${to}/${length}`);
    expect((await bytesOf(response)).equals(large.bytes.subarray(from, to + 1))).toBe(true);
  });

  it('answers 416 with the length when the range begins past the end', async () => {
    for (const range of [`bytes=${large.bytes.length}-`, 'bytes=-0']) {
      const response = await get({ range });
      expect(response.headers.get('content-range')).toBe(`bytes */${large.bytes.length}`);
      await expectBound(response, 'range_not_satisfiable', { limit: large.bytes.length });
    }
  });

  it('answers the whole when it cannot be read, or asks for several parts', async () => {
    for (const range of ['bytes=5-1', 'pixels=0-1', 'bytes=a-b', 'bytes=0-1,4-5', 'bytes=-']) {
      expect((await get({ range })).status).toBe(200);
    }
  });

  it('is served only if the picture is still the one that If-Range names', async () => {
    const range = 'bytes=0-9';
    expect((await get({ range, 'if-range': large.etag })).status).toBe(206);
    expect((await get({ range, 'if-range': '"other"' })).status).toBe(200);
    expect((await get({ range, 'if-range': `W/${large.etag}` })).status).toBe(200);
  });
});

describe('what is not there', () => {
  it('answers 404 to an unknown image, preset or tenant', async () => {
    const at = (tenant: string, id: string, preset: string) => fetch(`${node.url}/i/${tenant}/${id}/${preset}`);
    await expectProblem(await at('demo', 'img_00000000000000000000000000', 'small'), 'image_not_found');
    await expectProblem(await at('demo', 'nonsense', 'small'), 'image_not_found');
    await expectProblem(await at('nobody', image.id, 'small'), 'image_not_found');
    for (const preset of ['huge', 'constructor', '__proto__']) {
      await expectProblem(await at('demo', image.id, preset), 'preset_not_found');
    }
  });

  it('answers 404 to names that no tenant can have, whatever is in them', async () => {
    for (const name of ['a%00b', 'A', '%F0%9F%8E%89', 'ten_x', 'a%2Fb']) {
      await expectProblem(await fetch(`${node.url}/i/${name}/${image.id}/small`), 'image_not_found');
      await expectProblem(await fetch(`${node.url}/i/${name}/${image.id}/original?s=x`), 'signature_invalid');
    }
  });

  it('answers a preflight, as uploads by a token do: elsewhere OPTIONS is a method like others, and no page of another origin is invited', async () => {
    for (const path of ['/', '/v1/keys', `/v1/images/${image.id}`]) {
      const response = await fetch(`${node.url}${path}`, { method: 'OPTIONS' });
      expect(response.headers.get('allow')).toContain('GET');
      expect(response.headers.get('access-control-allow-origin')).toBeNull();
      await expectProblem(response, 'method_not_allowed');
    }
  });

  it('may be asked for by other pages too: a preflight is answered, and so is the error', async () => {
    const preflight = await fetch(large.url, { method: 'OPTIONS' });
    expect({ status: preflight.status, allow: preflight.headers.get('allow') }).toEqual({
      status: 204,
      allow: 'GET, HEAD',
    });
    expect(preflight.headers.get('access-control-allow-origin')).toBe('*');
    const missing = await fetch(large.url.replace('/large', '/huge'));
    expect(missing.headers.get('access-control-allow-origin')).toBe('*');
    await expectProblem(await fetch(large.url, { method: 'POST' }), 'method_not_allowed');
  });

  it('tells the cause of a rendition that failed, and lets the API tell it too', async () => {
    const flipped = Buffer.from(photo);
    // In the entropy-coded data, where only a full decode can find it.
    const middle = Math.floor(flipped.length / 2);
    flipped.fill(0xff, middle, middle + 64);
    const broken = await expectImage(await sendImage(node, flipped, '?wait=30'));
    expect(broken.state).toBe('failed');
    const { cause } = await expectProblem(await fetch(broken.urls.small ?? ''), 'rendition_failed');
    expect(cause?.message).toMatch(/\w+ \w+/);
    expect(broken.renditions[0]?.cause).toEqual(cause);
    expect((await fetch(broken.urls.original ?? '')).status).toBe(200);
  });
});

describe('a rendition that is not ready yet', () => {
  /** Holds every worker still while `work` runs. */
  async function whileWorkersStand<T>(work: () => Promise<T>): Promise<T> {
    const pids = await awaitWorkers(node, 1);
    for (const pid of pids) process.kill(pid, 'SIGSTOP');
    try {
      return await work();
    } finally {
      for (const pid of workersOf(node)) process.kill(pid, 'SIGCONT');
    }
  }
  const waiting = async () => /^safelight_waiters (\d+)$/m.exec(await (await fetch(`${node.url}/metrics`)).text())?.[1];

  it('is waited for, and answers 200 as soon as it is ready', async () => {
    const { response } = await whileWorkersStand(async () => {
      const { urls } = await expectImage(await sendImage(node, unlike(photo)));
      const response = fetch(urls.small ?? '');
      await until('the request waits', async () => (await waiting()) === '1');
      return { response };
    });
    expect((await response).status).toBe(200);
  });

  it('answers 503 rendition_pending with Retry-After when the wait is over, and 200 later', async () => {
    const url = await whileWorkersStand(async () => {
      const { urls } = await expectImage(await sendImage(node, unlike(photo)));
      const response = await fetch(urls.small ?? '');
      expect(response.headers.get('retry-after')).toBe('1');
      await expectProblem(response, 'rendition_pending');
      return urls.small ?? '';
    });
    expect((await fetch(url)).status).toBe(200);
  });

  it('frees the place of a client that goes away', async () => {
    await whileWorkersStand(async () => {
      const { urls } = await expectImage(await sendImage(node, unlike(photo)));
      const { pathname } = new URL(urls.small ?? '');
      const socket = connectTo(node.url);
      socket.write(`GET ${pathname} HTTP/1.1\r\nHost: localhost\r\n\r\n`);
      await until('the request waits', async () => (await waiting()) === '1');
      socket.destroy();
      await until('nobody waits', async () => (await waiting()) === '0', 1_500);
    });
  });

  it('answers 503 overloaded with the bound to one more than may wait of a tenant', async () => {
    await whileWorkersStand(async () => {
      const { urls } = await expectImage(await sendImage(node, unlike(photo)));
      const waiters = [1, 2, 3].map(() => fetch(urls.small ?? ''));
      await until('three requests wait', async () => (await waiting()) === '3');
      await expectBound(await fetch(urls.large ?? ''), 'overloaded', { name: 'waitersOfTenantMax', limit: 3 });
      // An upload is accepted all the same; it is the wait that it does not get.
      const unwaited = await sendImage(node, unlike(photo), '?wait=30');
      expect(unwaited.status).toBe(202);
      await expectImage(unwaited);
      for (const waiter of waiters) await expectProblem(await waiter, 'rendition_pending');
    });
  });

  it('waits on one connection again and again without leaving anything on it', async () => {
    for (let round = 0; round < 12; round += 1) {
      const { urls } = await expectImage(await sendImage(node, unlike(photo)));
      // Read to its end, so that the next request goes over the same connection.
      expect((await bytesOf(await fetch(urls.small ?? ''))).length).toBeGreaterThan(0);
    }
    expect(node.output).not.toContain('MaxListenersExceededWarning');
  });
});
