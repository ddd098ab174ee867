import {
  deletionSchema,
  healthSchema,
  type ImagePage,
  imagePageSchema,
  readinessSchema,
  sessionSchema,
} from '@safelight/contract';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { expectBound, expectImage, expectProblem, sendImage } from '../support/answers.ts';
import { expectNothingLeft } from '../support/leftovers.ts';
import { keyOf } from '../support/node-database.ts';
import { smallPhoto, unlike } from '../support/pictures.ts';
import { FORM_TYPE, formBody } from '../support/raw-http.ts';
import { Safelight } from '../support/safelight.ts';

let node: Safelight;
let photo: Buffer;
let readOnly: { authorization: string };
let neighbour: { authorization: string };

beforeAll(async () => {
  photo = await smallPhoto();
  node = await Safelight.start();
  readOnly = await keyOf(node, 'demo', ['images:read']);
  neighbour = await keyOf(node, 'neighbour');
});
afterAll(() => node.close());

async function list(query: string): Promise<ImagePage> {
  const response = await node.fetch(`/v1/images${query}`);
  expect(response.status).toBe(200);
  return imagePageSchema.parse(await response.json());
}

describe('POST /v1/images', () => {
  it('takes a form, with tags and the name of the file', async () => {
    const body = formBody([
      { name: 'tags', body: 'sea, holidays' },
      { name: 'image', filename: 'C:\\pictures\\beach.jpg', body: unlike(photo) },
    ]);
    const response = await node.fetch('/v1/images', { method: 'POST', body, headers: { 'content-type': FORM_TYPE } });
    expect(response.status).toBe(202);
    const image = await expectImage(response);
    expect(response.headers.get('location')).toBe(`${node.url}/v1/images/${image.id}`);
    expect(image).toMatchObject({ filename: 'beach.jpg', tags: ['holidays', 'sea'], format: 'jpeg' });
    expect(image).toMatchObject({ width: 640, height: 480, frames: 1, state: 'pending' });
    expect(image.renditions.map(({ preset }) => preset).sort()).toEqual(['large', 'medium', 'small']);
  });

  it.each(['image/jpeg', 'image/png', 'application/octet-stream'])(
    'takes the picture itself as %s, whatever it is called, and reads the format from its content',
    async (type) => {
      const response = await node.fetch('/v1/images?filename=raw.jpg&tags=a,b', {
        method: 'POST',
        body: Uint8Array.from(photo),
        headers: { 'content-type': type },
      });
      const image = await expectImage(response);
      expect(image).toMatchObject({ filename: 'raw.jpg', tags: ['a', 'b'], format: 'jpeg', bytes: photo.length });
    },
  );

  it('waits for the renditions when it is asked to, and then answers 201', async () => {
    const response = await sendImage(node, unlike(photo), '?wait=30');
    expect(response.status).toBe(201);
    const image = await expectImage(response);
    expect(image.state).toBe('ready');
    for (const { state, width, height, bytes } of image.renditions) {
      expect({ state, fits: (width ?? 0) <= 600 && (height ?? 0) <= 600, bytes }).toMatchObject({
        state: 'ready',
        fits: true,
      });
      expect(bytes).toBeGreaterThan(0);
    }
  });

  it('keeps of a name what can be kept: no control character, and no half of a character', async () => {
    for (const [name, kept] of [
      ['a\0b\r\n\u0085c.jpg', 'abc.jpg'],
      [`${'x'.repeat(254)}😀`, `${'x'.repeat(254)}\uFFFD`],
    ] as const) {
      const body = formBody([{ name: 'image', filename: name.replaceAll(/[\r\n]/g, ''), body: photo }]);
      const form = await node.fetch('/v1/images', { method: 'POST', body, headers: { 'content-type': FORM_TYPE } });
      expect((await expectImage(form)).filename).toBe(kept);
    }
    const asked = await sendImage(node, photo, `?filename=${encodeURIComponent('a\0b\r\nc.jpg')}`);
    expect((await expectImage(asked)).filename).toBe('abc.jpg');
  });

  it('answers 415 to other media types', async () => {
    const init = { method: 'POST', body: '{"url":"http://example.com"}' };
    for (const type of ['application/xml', 'text/plain', 'application/x-www-form-urlencoded']) {
      const response = await node.fetch('/v1/images', { ...init, headers: { 'content-type': type } });
      await expectProblem(response, 'media_type_unsupported');
    }
  });

  it('refuses tags and parameters over their bounds', async () => {
    const tags = Array.from({ length: 33 }, (_, index) => `t${index}`).join();
    await expectBound(await sendImage(node, photo, `?tags=${tags}`), 'request_invalid', { name: 'tagsMax', limit: 32 });
    await expectProblem(await sendImage(node, photo, `?tags=${'x'.repeat(65)}`), 'request_invalid');
    for (const query of ['?wait=31', '?wait=-1', '?wait=soon', `?filename=${'x'.repeat(256)}`]) {
      await expectProblem(await sendImage(node, photo, query), 'request_invalid');
    }
  });
});

describe('a key', () => {
  it('is needed, must be known, and must have the scope', async () => {
    const bare = await fetch(`${node.url}/v1/images`);
    expect(bare.headers.get('www-authenticate')).toMatch(/^Bearer/);
    await expectProblem(bare, 'key_missing');
    for (const authorization of ['Bearer sl_unknown', 'Basic ZGVtbzpkZW1v', `Bearer sl_${'A'.repeat(43)}`]) {
      await expectProblem(await node.fetch('/v1/images', { headers: { authorization } }), 'key_invalid');
    }
    expect((await node.fetch('/v1/images', { headers: readOnly })).status).toBe(200);
    await expectProblem(await sendImage(node, photo, '', { headers: readOnly }), 'scope_missing');
  });

  it('sees nothing of another tenant, and learns not even that it is there', async () => {
    const { id, urls } = await expectImage(await sendImage(node, unlike(photo), '?wait=30&tags=ours'));
    const asNeighbour = { headers: neighbour };
    await expectProblem(await node.fetch(`/v1/images/${id}`, asNeighbour), 'image_not_found');
    await expectProblem(await node.fetch(`/v1/images/${id}/events`, asNeighbour), 'image_not_found');
    const deletion = await node.fetch(`/v1/images/${id}`, { method: 'DELETE', headers: neighbour });
    await expectProblem(deletion, 'image_not_found');
    const page = await node.fetch('/v1/images?tag=ours', asNeighbour);
    expect(await page.json()).toEqual({ images: [] });
    const elsewhere = (urls.small ?? '').replace('/demo/', '/neighbour/');
    await expectProblem(await fetch(elsewhere), 'image_not_found');
    expect((await node.fetch(`/v1/images/${id}`)).status).toBe(200);
  });

  it('shares no original with another tenant that sends the same bytes', async () => {
    const bytes = unlike(photo);
    await expectImage(await sendImage(node, bytes, '?wait=30'));
    const theirs = await sendImage(node, bytes, '?wait=30', { headers: neighbour });
    const { id, urls } = await expectImage(theirs);
    expect(urls.small).toContain('/i/neighbour/');
    const gone = await node.fetch(`/v1/images/${id}`, { method: 'DELETE', headers: neighbour });
    expect(await gone.json()).toMatchObject({ originalRemoved: true, renditionsRemoved: 3 });
  });
});

describe('GET /v1/images', () => {
  it('pages through all images, newest first, each once', async () => {
    const sent: string[] = [];
    for (let count = 0; count < 5; count += 1) {
      sent.unshift((await expectImage(await sendImage(node, photo, '?tags=paged'))).id);
    }
    const seen: string[] = [];
    let after = '';
    for (;;) {
      const page = await list(`?tag=paged&limit=2${after && `&after=${after}`}`);
      seen.push(...page.images.map(({ id }) => id));
      if (page.next === undefined) break;
      after = page.next;
    }
    expect(seen).toEqual(sent);
  });

  it('filters by tag, state and time', async () => {
    const image = await expectImage(await sendImage(node, unlike(photo), '?wait=30&tags=filtered'));
    const ids = async (query: string) => (await list(query)).images.map(({ id }) => id);
    expect(await ids('?tag=filtered')).toEqual([image.id]);
    expect(await ids('?tag=filtered&state=ready')).toEqual([image.id]);
    expect(await ids('?tag=filtered&state=failed')).toEqual([]);
    const at = Date.parse(image.createdAt);
    const [before, after] = [new Date(at - 1).toISOString(), new Date(at + 1).toISOString()];
    expect(await ids(`?tag=filtered&since=${before}&until=${after}`)).toEqual([image.id]);
    expect(await ids(`?tag=filtered&since=${after}`)).toEqual([]);
    expect(await ids(`?tag=filtered&until=${before}`)).toEqual([]);
    expect(await ids('?tag=filtered&since=0001-01-01T00:00:00Z&until=9999-12-31T23:59:59Z')).toEqual([image.id]);
  });

  it.each([
    '?limit=0',
    '?limit=201',
    '?after=yesterday',
    '?state=done',
    '?since=monday',
    '?tag=',
    '?tag=a%00b',
    '?since=0000-01-01T00:00:00Z',
    '?until=0000-12-31T00:00:00Z',
  ])('answers 400 to %s', async (query) => {
    await expectProblem(await node.fetch(`/v1/images${query}`), 'request_invalid');
  });
});

describe('DELETE /v1/images/{id}', () => {
  it('removes the image: 410 from then on, on the API and at every delivery URL', async () => {
    const { id, urls } = await expectImage(await sendImage(node, unlike(photo), '?wait=30'));
    for (const url of Object.values(urls)) expect((await fetch(url)).status).toBe(200);
    const response = await node.fetch(`/v1/images/${id}`, { method: 'DELETE' });
    expect(response.status).toBe(200);
    const receipt = deletionSchema.strict().parse(await response.json());
    expect(receipt).toMatchObject({ id, originalRemoved: true, renditionsRemoved: 3 });
    await expectProblem(await node.fetch(`/v1/images/${id}`), 'image_gone');
    await expectProblem(await node.fetch(`/v1/images/${id}`, { method: 'DELETE' }), 'image_gone');
    for (const url of Object.values(urls)) await expectProblem(await fetch(url), 'image_gone');
    expect((await list('')).images.map((image) => image.id)).not.toContain(id);
  });

  it('is told to whoever follows late, once, and then the events have an end', async () => {
    const { id } = await expectImage(await sendImage(node, unlike(photo), '?wait=30'));
    await node.fetch(`/v1/images/${id}`, { method: 'DELETE' });
    const follow = (headers: Record<string, string>) => node.fetch(`/v1/images/${id}/events`, { headers });
    // Read to its end, which it has.
    const told = await (await follow({})).text();
    expect(told.match(/^event: .*$/gm)?.at(-1)).toBe('event: image.deleted');
    const positions = [...told.matchAll(/^id: (\d+)$/gm)].map((match) => match[1] ?? '');
    const rest = await (await follow({ 'last-event-id': positions.at(-2) ?? '' })).text();
    expect(rest.match(/^event: .*$/gm)).toEqual(['event: image.deleted']);
    await expectProblem(await follow({ 'last-event-id': positions.at(-1) ?? '' }), 'image_gone');
  });

  it('leaves the bytes to another image that shares them', async () => {
    const bytes = unlike(photo);
    const first = await expectImage(await sendImage(node, bytes, '?wait=30'));
    const second = await expectImage(await sendImage(node, bytes, '?wait=30'));
    expect(second.state).toBe('ready');
    const response = await node.fetch(`/v1/images/${first.id}`, { method: 'DELETE' });
    expect(await response.json()).toMatchObject({ originalRemoved: false, renditionsRemoved: 0 });
    for (const url of Object.values(second.urls)) expect((await fetch(url)).status).toBe(200);
    await expectProblem(await fetch(first.urls.small ?? ''), 'image_gone');
  });

  it('answers 404 to an image that never was', async () => {
    for (const id of ['img_00000000000000000000000000', 'nonsense', 'ren_00000000000000000000000000']) {
      await expectProblem(await node.fetch(`/v1/images/${id}`), 'image_not_found');
      await expectProblem(await node.fetch(`/v1/images/${id}`, { method: 'DELETE' }), 'image_not_found');
    }
  });
});

describe('the session of the loopback page', () => {
  async function openSession(): Promise<{ cookie: string }> {
    const response = await fetch(`${node.url}/v1/session`, { method: 'POST' });
    expect(sessionSchema.strict().parse(await response.json())).toMatchObject({ tenant: 'demo' });
    const cookie = response.headers.get('set-cookie') ?? '';
    expect(cookie).toMatch(/; HttpOnly; SameSite=Strict$/);
    return { cookie: cookie.split(';')[0] ?? '' };
  }

  it('acts for the public tenant without a key', async () => {
    const cookie = await openSession();
    const headers = { ...cookie, 'content-type': 'image/jpeg', origin: node.url };
    const sent = await fetch(`${node.url}/v1/images`, { method: 'POST', body: Uint8Array.from(photo), headers });
    const { id } = await expectImage(sent);
    expect((await fetch(`${node.url}/v1/images/${id}`, { headers: cookie })).status).toBe(200);
    expect((await fetch(`${node.url}/v1/images/${id}`, { method: 'DELETE', headers: cookie })).status).toBe(200);
  });

  it('does nothing for a page of another origin, nor with another cookie', async () => {
    const cookie = await openSession();
    const foreign = { ...cookie, 'content-type': 'image/jpeg', origin: 'https://evil.example' };
    const init = { method: 'POST', body: Uint8Array.from(photo) };
    await expectProblem(await fetch(`${node.url}/v1/images`, { ...init, headers: foreign }), 'origin_refused');
    const forged = { cookie: `${cookie.cookie.slice(0, -1)}x` };
    await expectProblem(await fetch(`${node.url}/v1/images`, { headers: forged }), 'key_missing');
    const elsewhere = { method: 'POST', headers: { origin: 'https://evil.example' } };
    await expectProblem(await fetch(`${node.url}/v1/session`, elsewhere), 'origin_refused');
  });
});

describe('what tells of the node', () => {
  it('answers as the contract says', async () => {
    expect(healthSchema.strict().parse(await (await fetch(`${node.url}/healthz`)).json()).status).toBe('alive');
    const readiness = readinessSchema.strict().parse(await (await fetch(`${node.url}/readyz`)).json());
    expect(readiness.status).toBe('ready');
    const metrics = await (await fetch(`${node.url}/metrics`)).text();
    expect(metrics).toMatch(/^safelight_http_request_seconds_count\{/m);
    expect(metrics).toMatch(/^safelight_upload_bytes_total [1-9]/m);
    expect(((await (await fetch(`${node.url}/openapi.json`)).json()) as { openapi: string }).openapi).toBe('3.1.0');
    expect((await fetch(`${node.url}/docs/`)).status).toBe(200);
    expect((await fetch(`${node.url}/`)).status).toBe(200);
    expect((await fetch(`${node.url}/`, { method: 'HEAD' })).status).toBe(200);
  });
});

describe('after all this', () => {
  it('objects and rows name each other, and no work is left', async () => {
    await expectNothingLeft(node);
    expect(node.output).not.toContain('"level":50');
  });
});
