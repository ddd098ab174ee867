import { once } from 'node:events';
import { readdir, readFile } from 'node:fs/promises';
import { Agent, createServer, get as httpGet, type IncomingMessage, type OutgoingHttpHeaders } from 'node:http';
import type { AddressInfo } from 'node:net';
import { basename, join } from 'node:path';
import { buffer, text } from 'node:stream/consumers';
import { setTimeout as pause } from 'node:timers/promises';
import type { Image } from '@safelight/contract';
import { ROUTES } from '@safelight/contract';
import { createClient } from '@safelight/sdk';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { DATABASE_URL_FILE } from '../../packages/service/src/db/open.ts';
import { photo } from '../../scripts/make-pictures.ts';
import { expectImage, expectProblem, sendImage } from '../support/answers.ts';
import { asSuperuser, keyOf } from '../support/node-database.ts';
import { smallPhoto, unlike } from '../support/pictures.ts';
import { Safelight } from '../support/safelight.ts';
import { until } from '../support/until.ts';
import { signedUrl } from '../support/url-keys.ts';

/** As long as a fact may be told without asking again; what is known sooner was heard of. */
const STALE_MS_MAX = 5_000;
let node: Safelight;
/** Another node of the same installation, which delivers only. */
let second: Safelight;
let small: Buffer;
const purged: string[] = [];
const cdn = createServer(async (request, response) => {
  const { surrogateKeys } = JSON.parse(await text(request)) as { surrogateKeys: string[] };
  purged.push(...surrogateKeys);
  response.end();
});

beforeAll(async () => {
  small = await smallPhoto();
  cdn.listen(0, '127.0.0.1');
  await once(cdn, 'listening');
  const url = `http://127.0.0.1:${(cdn.address() as AddressInfo).port}/`;
  node = await Safelight.start({ env: { SAFELIGHT_WORKERS: '1', SAFELIGHT_PURGE_URL: url } });
  const settings = { SAFELIGHT_ROLES: 'api', SAFELIGHT_OBJECTS: `file:${join(node.data, 'objects')}` };
  const database = (await readFile(join(node.data, DATABASE_URL_FILE), 'utf8')).trim();
  second = await Safelight.start({ env: { DATABASE_URL: database, ...settings } });
});
afterAll(async () => {
  await second.close();
  await node.close();
  cdn.closeAllConnections();
  cdn.close();
});

const ready = async (bytes = unlike(small)) => expectImage(await sendImage(node, bytes, '?wait=30'));
const largeOf = (image: Image) => image.urls.large ?? '';
const onSecond = (url: string) => url.replace(node.url, second.url);
/** A rendition's and the original's, on the other node. */
const urlsOf = (image: Image) => [largeOf(image), image.urls.original ?? ''].map(onSecond);
const foundIn = (response: Response) => /cache;desc=(\w+)/.exec(response.headers.get('server-timing') ?? '')?.[1];

/** Reads a URL to its end. */
async function get(url: string, headers: Record<string, string> = {}) {
  const response = await fetch(url, { headers });
  return { response, bytes: Buffer.from(await response.arrayBuffer()), found: foundIn(response) };
}

describe('a delivery', () => {
  it('tells where it was found: first by the database, then in memory, and by facts alone when nothing is sent', async () => {
    const url = onSecond(largeOf(await ready()));
    const first = await get(url);
    expect(first.found).toBe('database');
    const again = await get(url);
    expect(again.found).toBe('memory');
    expect(again.bytes.equals(first.bytes)).toBe(true);
    const etag = first.response.headers.get('etag') ?? '';
    const unchanged = await get(url, { 'if-none-match': etag });
    expect([unchanged.response.status, unchanged.found]).toEqual([304, 'facts']);
    const part = await get(url, { range: 'bytes=10-19' });
    expect([part.response.status, part.found]).toEqual([206, 'memory']);
    expect(part.bytes.equals(first.bytes.subarray(10, 20))).toBe(true);
  });

  it('streams what is too large for the memory, by facts that are in it', async () => {
    // Has to become a PNG, of more than 256 kB.
    const grainy = await photo(1200, 900).ensureAlpha(0.8).png().toBuffer();
    const url = onSecond(largeOf(await ready(grainy)));
    const first = await get(url);
    expect(first.bytes.length).toBeGreaterThan(256 * 1024);
    const again = await get(url);
    expect(again.found).toBe('facts');
    expect(again.bytes.equals(first.bytes)).toBe(true);
    const part = await get(url, { range: 'bytes=300000-300099' });
    expect(part.bytes.equals(first.bytes.subarray(300_000, 300_100))).toBe(true);
  });

  it('says how long the request waited and what the rendition cost, only to who waited for it', async () => {
    const url = largeOf(await expectImage(await sendImage(node, unlike(await photo(2400, 1800).jpeg().toBuffer()))));
    const waited = await get(url);
    const ms = (name: string, { response }: typeof waited) =>
      Number(new RegExp(`${name};dur=([\\d.]+)`).exec(response.headers.get('server-timing') ?? '')?.[1]);
    expect(ms('wait', waited)).toBeGreaterThan(0);
    expect(ms('total', waited)).toBeGreaterThanOrEqual(ms('wait', waited));
    expect(Number(waited.response.headers.get('x-safelight-cost-ms'))).toBeGreaterThan(0);
    const again = await get(url);
    expect(ms('wait', again)).toBe(0);
    expect(again.response.headers.get('x-safelight-cost-ms')).toBe('0');
  });

  it('says everything that the contract promises of it', async () => {
    const { response } = await get(largeOf(await ready()));
    // Told only where something else is served than what was asked for.
    const promised = Object.keys(ROUTES.deliverPreset.answerHeaders).filter((name) => name !== 'x-safelight-degraded');
    expect([...response.headers.keys()]).toEqual(expect.arrayContaining(promised));
    // A page of another origin reads what is exposed to it.
    const exposed = response.headers.get('access-control-expose-headers') ?? '';
    for (const name of ['server-timing', 'x-safelight-cost-ms']) expect(exposed).toContain(name);
  });

  it('carries the keys by which a cache in front drops it, on every kind of answer', async () => {
    const image = await ready();
    const etag = (await get(largeOf(image))).response.headers.get('etag') ?? '';
    for (const headers of [{}, { range: 'bytes=0-9' }, { 'if-none-match': etag }]) {
      const { response } = await get(largeOf(image), headers as Record<string, string>);
      expect(response.headers.get('surrogate-key')).toMatch(new RegExp(`^ten_\\w{26} ${image.id}$`));
      expect(response.headers.get('cache-tag')).toMatch(new RegExp(`^ten_\\w{26},${image.id}$`));
      expect(response.headers.get('timing-allow-origin')).toBe('*');
    }
  });

  it('needs no database while it is warm', async () => {
    const warm = urlsOf(await ready());
    const cold = onSecond(largeOf(await ready()));
    for (const url of [...warm, ...warm]) await get(url);
    const tables = ['tenants', 'images', 'originals', 'renditions'].map((name) => `safelight.${name}`).join(', ');
    // Whoever asks for one of these waits until this transaction has ended.
    const locked = asSuperuser(
      node,
      `BEGIN; LOCK TABLE ${tables} IN ACCESS EXCLUSIVE MODE; SELECT pg_sleep(3); COMMIT`,
    );
    let isLocked = true;
    void locked.then(() => {
      isLocked = false;
    });
    await until('the tables are locked', async () => {
      const rows = await asSuperuser(node, `SELECT FROM pg_locks WHERE mode = 'AccessExclusiveLock' AND granted`);
      return rows.length > 0;
    });
    const other = get(cold);
    let answers = 0;
    for (; isLocked; answers += 1) {
      const { response, found } = await get(warm[answers % warm.length] ?? '');
      if (isLocked) expect([response.status, found]).toEqual([200, 'memory']);
    }
    expect(answers).toBeGreaterThan(5);
    expect((await other).response.status).toBe(200);
    await locked;
  });

  it('stays in memory for as long as it is asked for, past the age that a fact may have', async () => {
    const url = onSecond(largeOf(await ready()));
    await get(url);
    const since = performance.now();
    while (performance.now() - since < STALE_MS_MAX * 1.4) {
      expect((await get(url)).found).toBe('memory');
      await pause(100);
    }
  });

  it('keeps its connection for the next one, after a body, a part, nothing and a refusal', async () => {
    const url = largeOf(await ready());
    const agent = new Agent({ keepAlive: true, maxSockets: 1 });
    const seen: { status: number | undefined; isSame: boolean }[] = [];
    const turns = [{}, { range: 'bytes=0-9' }, { 'if-none-match': '*' }, { range: 'bytes=99999999-' }, {}];
    for (const headers of turns as OutgoingHttpHeaders[]) {
      const request = httpGet(url, { agent, headers });
      const [response] = (await once(request, 'response')) as [IncomingMessage];
      await buffer(response);
      seen.push({ status: response.statusCode, isSame: request.reusedSocket });
    }
    agent.destroy();
    expect(seen.map(({ status }) => status)).toEqual([200, 206, 304, 416, 200]);
    expect(seen.map(({ isSame }) => isSame)).toEqual([false, true, true, true, true]);
  });
});

describe('a deletion', () => {
  it('reaches the other node at once, and the cache in front', async () => {
    const image = await ready();
    const urls = urlsOf(image);
    for (const url of [...urls, ...urls]) expect((await get(url)).response.status).toBe(200);
    const since = performance.now();
    expect((await node.fetch(`/v1/images/${image.id}`, { method: 'DELETE' })).status).toBe(200);
    await expectProblem(await fetch(largeOf(image)), 'image_gone');
    for (const url of urls) {
      await until('the other node has heard', async () => (await get(url)).response.status === 410, STALE_MS_MAX / 2);
    }
    expect(performance.now() - since).toBeLessThan(STALE_MS_MAX / 2);
    await until('the cache in front is told', () => purged.includes(image.id));
  });
});

describe('the deletion of an image that is laid over another', () => {
  it('ends what shows it on every node and in the cache in front, and only that', async () => {
    const [picture, mark] = [await ready(), await ready()];
    const marked = await signedUrl(node, picture.id, { w: 90, mark: mark.id });
    const plain = await signedUrl(node, picture.id, { w: 90 });
    for (const url of [marked, marked, plain, plain].map(onSecond)) expect((await get(url)).response.status).toBe(200);
    expect((await get(onSecond(marked))).found).toBe('memory');
    const [key = ''] = await objectKeysOf(mark.id);
    const files = async () => readdir(join(node.data, 'objects'), { recursive: true });
    const isStored = async () => (await files()).some((file) => basename(file) === basename(key));
    expect(await isStored()).toBe(true);
    expect((await node.fetch(`/v1/images/${mark.id}`, { method: 'DELETE' })).status).toBe(200);
    const refusal = await expectProblem(await fetch(marked), 'rendition_failed');
    expect(refusal.cause?.code).toBe('mark_not_found');
    const isHeard = async () => (await get(onSecond(marked))).response.status === 422;
    await until('the other node has heard', isHeard, STALE_MS_MAX / 2);
    await until('the cache in front is told', () => purged.includes(picture.id));
    expect((await get(onSecond(plain))).response.status).toBe(200);
    expect(await objectKeysOf(mark.id)).toEqual([]);
    expect(await isStored()).toBe(false);
  });

  /** Of the renditions that show an image. */
  async function objectKeysOf(imageId: string): Promise<string[]> {
    const select = `SELECT object_key FROM safelight.renditions WHERE mark_image_id = $1 AND state = 'ready'`;
    return (await asSuperuser(node, select, [imageId])).map(({ object_key }) => `${object_key}`);
  }
});

describe('a purge by hand', () => {
  it('has every node ask anew for an image, and tells the cache in front', async () => {
    const [image, other] = [await ready(), await ready()];
    for (const one of [image, other]) await get(onSecond(largeOf(one)));
    const client = createClient({ baseUrl: node.url, key: await node.demoKey() });
    expect(await client.purge({ image: image.id })).toEqual({ surrogateKeys: [image.id] });
    await until('the cache in front is told', () => purged.includes(image.id));
    expect((await get(onSecond(largeOf(image)))).found).toBe('database');
    expect((await get(onSecond(largeOf(other)))).found).toBe('memory');
  });

  it('takes the whole tenant when no image is named, and no other tenant', async () => {
    const image = await ready();
    const headers = await keyOf(node, 'stranger');
    const theirs = await expectImage(
      await fetch(`${node.url}/v1/images?wait=30`, { method: 'POST', headers, body: Uint8Array.from(unlike(small)) }),
    );
    for (const one of [image, theirs]) await get(onSecond(largeOf(one)));
    const answer = await node.fetch('/v1/purge', { method: 'POST' });
    expect(answer.status).toBe(202);
    const { surrogateKeys } = (await answer.json()) as { surrogateKeys: string[] };
    expect(surrogateKeys).toEqual([expect.stringMatching(/^ten_/)]);
    await until('the cache in front is told', () => purged.includes(surrogateKeys[0] ?? ''));
    expect((await get(onSecond(largeOf(image)))).found).toBe('database');
    expect((await get(onSecond(largeOf(theirs)))).found).toBe('memory');
  });

  it('may be repeated for a deleted image', async () => {
    const image = await ready();
    await node.fetch(`/v1/images/${image.id}`, { method: 'DELETE' });
    expect((await node.fetch(`/v1/purge?image=${image.id}`, { method: 'POST' })).status).toBe(202);
  });

  it('is refused without a key, without the scope, and for another tenant’s image', async () => {
    const image = await ready();
    const post = async (headers: Record<string, string>, query = `?image=${image.id}`) =>
      fetch(`${node.url}/v1/purge${query}`, { method: 'POST', headers });
    await expectProblem(await post({}), 'key_missing');
    await expectProblem(await post(await keyOf(node, 'reader', ['images:read'])), 'scope_missing');
    await expectProblem(await post(await keyOf(node, 'stranger')), 'image_not_found');
    const own = { authorization: `Bearer ${await node.demoKey()}` };
    await expectProblem(await post(own, '?image=nonsense'), 'image_not_found');
    await expectProblem(await post(own, `?image=${'x'.repeat(65)}`), 'request_invalid');
  });
});
