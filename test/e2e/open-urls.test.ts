import { execFile } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import type { Image } from '@safelight/contract';
import sharp from 'sharp';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { withSignature } from '../../packages/service/src/http/signature.ts';
import { expectImage, expectProblem, sendImage } from '../support/answers.ts';
import { keyOf } from '../support/node-database.ts';
import { smallPhoto } from '../support/pictures.ts';
import { exchange } from '../support/raw-http.ts';
import { Safelight } from '../support/safelight.ts';
import { until } from '../support/until.ts';
import { allowUnsigned, signedUrl, urlKeyOf } from '../support/url-keys.ts';

const BIN = fileURLToPath(new URL('../../packages/service/bin/safelight.mjs', import.meta.url));

let node: Safelight;
let image: Image;

beforeAll(async () => {
  node = await Safelight.start({ env: { SAFELIGHT_WORKERS: '2' } });
  image = await expectImage(await sendImage(node, await smallPhoto(), '?wait=30'));
});
afterAll(() => node.close());

const nowSeconds = () => Math.floor(Date.now() / 1_000);
const signPath = async (path: string) => `${node.url}${withSignature(await urlKeyOf(node, 'demo'), path)}`;
const at = (query: string) => `/i/demo/${image.id}${query}`;

describe('a signed URL that nobody has asked for before', () => {
  it('is answered with the picture it describes, the first time and the next', async () => {
    const url = await signedUrl(node, image.id, { w: 123, fm: 'png' });
    for (const _ of ['first', 'next']) {
      const response = await fetch(url);
      expect(response.status).toBe(200);
      const { width, format } = await sharp(Buffer.from(await response.arrayBuffer())).metadata();
      expect({ width, format }).toEqual({ width: 123, format: 'png' });
    }
  });

  it('is answered to HEAD without a body', async () => {
    const response = await fetch(await signedUrl(node, image.id, { w: 124 }), { method: 'HEAD' });
    expect(response.status).toBe(200);
    expect(Number(response.headers.get('content-length'))).toBeGreaterThan(100);
    expect((await response.arrayBuffer()).byteLength).toBe(0);
  });

  it('stands in the image’s resource from then on, with a URL that works', async () => {
    await fetch(await signedUrl(node, image.id, { w: 125 }));
    const shown = await expectImage(await node.fetch(`/v1/images/${image.id}`));
    const rendition = shown.renditions.find(({ transformation }) => transformation.includes('w=125'));
    const response = await fetch(rendition?.url ?? '');
    expect(response.status).toBe(200);
    expect(response.headers.get('cache-control')).toBe('public, max-age=31536000, immutable');
  });
});

describe('the signature of a URL', () => {
  /** Everything that is not a good signature, for an image that exists and for one that does not. */
  const wrong = async (id: string): Promise<Record<string, string>> => {
    const base = `${node.url}/i/demo/${id}`;
    const good = await signedUrl(node, id, { w: 126 });
    const signature = good.slice(-43);
    const otherTenant = Buffer.alloc(32, 7);
    return {
      'no signature': `${base}?w=126`,
      'no signature and no parameter': base,
      'another parameter': good.replace('w=126', 'w=127'),
      'a parameter more': good.replace('?', '?blur=3&'),
      'parameters in another order': `${base}?w=126&fit=max&s=${signature}`,
      'another encoding of the same': good.replace('w=126', 'w=%31%32%36'),
      'one that is not the last parameter': `${good}&x=1`,
      'one that stands twice': `${good}&s=${signature}`,
      'a shorter one': good.slice(0, -1),
      'a padded one': `${good}=`,
      'an empty one': good.replace(signature, ''),
      'one that is encoded': good.replace(signature, `%${signature.charCodeAt(0).toString(16)}${signature.slice(1)}`),
      'one by another key': `${node.url}${withSignature(otherTenant, `/i/demo/${id}?w=126`)}`,
      'one that has expired': await signedUrl(node, id, { w: 126 }, { expires: nowSeconds() - 1 }),
      'a tenant that does not exist': good.replace('/demo/', '/nobody/'),
      'another tenant': good.replace('/demo/', '/operator/'),
      'parameters that nobody knows': `${base}?nothing=1`,
      'parameters that cannot be decoded': `${base}?w=%zz`,
      'the original, with the signature of a rendition': `${base}/original?w=126&s=${signature}`,
    };
  };

  it('is refused in the same words whatever is wrong, and tells nobody what exists', async () => {
    const told = new Set<string>();
    const missing = `img_${'0'.repeat(26)}`;
    for (const id of [image.id, missing, 'nonsense']) {
      for (const [what, url] of Object.entries(await wrong(id))) {
        const answer = await fetch(url);
        const { requestId: _, ...problem } = await expectProblem(answer.clone(), 'signature_invalid');
        const headers = [...answer.headers].filter(([name]) => !['x-request-id', 'date'].includes(name));
        told.add(JSON.stringify([answer.status, problem, headers]));
        expect(told.size, what).toBe(1);
      }
    }
  });

  it('is looked at before the parameters, and the parameters before the image', async () => {
    expect((await fetch(await signPath(at('?w=0')))).status).toBe(400);
    expect((await fetch(await signPath(`/i/demo/img_${'0'.repeat(26)}?w=0`))).status).toBe(400);
    await expectProblem(await fetch(await signPath(`/i/demo/img_${'0'.repeat(26)}?w=9`)), 'image_not_found');
    await expectProblem(await fetch(await signPath('/i/demo/nonsense?w=9')), 'image_not_found');
  });

  it('is made by the newest key, and is good while its key is', async () => {
    await keyOf(node, 'rotating');
    const { id } = await expectImage(
      await sendImage(node, await smallPhoto(), '?wait=30', { headers: await keyOf(node, 'rotating') }),
    );
    const tenant = 'rotating';
    const before = await signedUrl(node, id, { w: 60 }, { tenant });
    const [first] = await urlKeys('rotating', 'list');
    await urlKeys('rotating', 'rotate');
    const after = await signedUrl(node, id, { w: 60 }, { tenant });
    expect(after).not.toBe(before);
    await until('the new key verifies', async () => (await fetch(after)).status === 200);
    expect((await fetch(before)).status).toBe(200);
    await urlKeys('rotating', 'retire', first ?? '');
    await until('the old key is refused', async () => (await fetch(before)).status === 403);
    expect((await fetch(after)).status).toBe(200);
  });
});

describe('a parameter', () => {
  it.each([
    ['w=0', 'w', 'a whole number of pixels from 1 to 16384'],
    ['w=1e3', 'w', 'a whole number of pixels from 1 to 16384'],
    ['w=%2531', 'w', 'a whole number of pixels from 1 to 16384'],
    ['w', 'w', 'a whole number of pixels from 1 to 16384'],
    ['fm=bmp', 'fm', 'one of jpg, png, webp, avif, gif, tiff'],
    ['w=10&w=20', 'w', 'once only'],
    ['w=10&%77=20', 'w', 'once only'],
    ['nothing=1', 'nothing', expect.stringContaining('a parameter among w, h, fit')],
    ['w=16384&h=16384&fit=fill', 'w', expect.stringContaining('100000000 pixels')],
    ['w=%zz', 'w', 'UTF-8 with percent-encoding'],
    ['%ff=1', '%ff', 'UTF-8 with percent-encoding'],
    ['txt=a%00b', 'txt', expect.stringContaining('without control characters')],
    ['expires=soon', 'expires', expect.stringContaining('seconds since 1970')],
    ['expires=1&expires=2', 'expires', 'once only'],
    ['v=x', 'v', '8 to 64 hexadecimal digits'],
    ['dl=', 'dl', expect.stringContaining('a file name')],
    ['dl=a%0d%0ab', 'dl', expect.stringContaining('a file name')],
    ['%73=x', 's', expect.stringContaining('as the last parameter')],
    ['__proto__=1', '__proto__', expect.stringContaining('a parameter among')],
  ])('%s is refused by name, with what is allowed', async (query, parameter, allowed) => {
    const problem = await expectProblem(await fetch(await signPath(at(`?${query}`))), 'request_invalid');
    expect(problem.parameters).toEqual([{ parameter, allowed }]);
    expect(problem.detail).toContain(parameter);
  });

  it('that is wrong stands beside the others that are, up to a bound', async () => {
    const three = await expectProblem(await fetch(await signPath(at('?w=0&h=0&v=x'))), 'request_invalid');
    expect(three.parameters?.map(({ parameter }) => parameter).sort()).toEqual(['h', 'v', 'w']);
    const many = Array.from({ length: 2_000 }, (_, index) => `p${index}=1`).join('&');
    const answer = await fetch(await signPath(at(`?${many}`)));
    expect((await answer.clone().text()).length).toBeLessThan(20_000);
    expect((await expectProblem(answer, 'request_invalid')).parameters).toHaveLength(16);
  });

  it('that is longer than a request may be is answered, not cut off', async () => {
    for (const bytes of [15_000, 100_000]) {
      const answer = await exchange(
        node.url,
        `GET ${at(`?txt=${'a'.repeat(bytes)}`)} HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n`,
      );
      await expectProblem(answer, bytes < 16_000 ? 'signature_invalid' : 'request_invalid');
    }
  });
});

describe('what a URL says of delivery', () => {
  const headerOf = async (url: string, name: string) => (await fetch(url)).headers.get(name);

  it('lets the answer be kept as long as the URL is good, and for ever only under its version', async () => {
    const cacheOf = async (options: Parameters<typeof signedUrl>[3]) =>
      headerOf(await signedUrl(node, image.id, { w: 128 }, options), 'cache-control');
    expect(await cacheOf({})).toBe('public, max-age=300');
    const shown = await expectImage(await node.fetch(`/v1/images/${image.id}`));
    const { url } = shown.renditions.find(({ transformation }) => transformation.includes('w=128')) ?? { url: '' };
    const v = new URL(url).searchParams.get('v') ?? '';
    expect(await cacheOf({ v })).toBe('public, max-age=31536000, immutable');
    expect(await cacheOf({ v: '0123456789ab' })).toBe('public, max-age=300');
    const soon = /^public, max-age=(\d+)(, immutable)?$/;
    const [, seconds] = soon.exec((await cacheOf({ v, expires: nowSeconds() + 100 })) ?? '') ?? [];
    expect(Number(seconds)).toBeLessThanOrEqual(100);
    expect(Number(seconds)).toBeGreaterThan(90);
    expect(await cacheOf({ expires: nowSeconds() + 10_000 })).toBe('public, max-age=300');
  });

  it('has browsers save it under a name that no header can be broken with', async () => {
    const url = await signedUrl(node, image.id, { w: 128 }, { dl: 'Grün "1"; (a).jpg' });
    expect(await headerOf(url, 'content-disposition')).toBe(
      "attachment; filename*=UTF-8''Gr%C3%BCn%20%221%22%3B%20%28a%29.jpg",
    );
  });

  it('is no part of the rendition: the same bytes, made once', async () => {
    const tags = [{}, { dl: 'a.jpg' }, { expires: nowSeconds() + 100 }].map(async (options) =>
      headerOf(await signedUrl(node, image.id, { w: 129 }, options), 'etag'),
    );
    expect(new Set(await Promise.all(tags)).size).toBe(1);
    const { renditions } = await expectImage(await node.fetch(`/v1/images/${image.id}`));
    expect(renditions.filter(({ transformation }) => transformation.includes('w=129'))).toHaveLength(1);
  });

  it('holds for the original as well', async () => {
    const path = `${at('/original')}?expires=${nowSeconds() + 50}&dl=it.jpg`;
    const response = await fetch(await signPath(path));
    expect(response.status).toBe(200);
    expect(response.headers.get('content-disposition')).toBe("attachment; filename*=UTF-8''it.jpg");
    expect(response.headers.get('cache-control')).toMatch(/^private, max-age=(49|50)$/);
    await expectProblem(await fetch(await signPath(`${at('/original')}?expires=1`)), 'signature_invalid');
    await expectProblem(await fetch(await signPath(`${at('/original')}?w=10`)), 'request_invalid');
  });
});

describe('a tenant that allows unsigned URLs', () => {
  let open: Image;
  beforeAll(async () => {
    const headers = await keyOf(node, 'generous');
    open = await expectImage(await sendImage(node, await smallPhoto(), '?wait=30', { headers }));
    await allowUnsigned(node, 'generous', 'open');
    await until('the node has heard', async () => (await fetch(urlOf('?w=40'))).status === 200);
  });
  const urlOf = (query: string) => `${node.url}/i/generous/${open.id}${query}`;

  it('has them answered without a signature, and still no wrong one', async () => {
    expect((await fetch(urlOf('?w=41'))).status).toBe(200);
    expect((await fetch(await signedUrl(node, open.id, { w: 42 }, { tenant: 'generous' }))).status).toBe(200);
    await expectProblem(await fetch(urlOf(`?w=41&s=${'A'.repeat(43)}`)), 'signature_invalid');
    await expectProblem(await fetch(urlOf('?w=41&expires=1')), 'signature_invalid');
    await expectProblem(await fetch(urlOf('?w=0')), 'request_invalid');
    await expectProblem(await fetch(urlOf('/original')), 'signature_invalid');
  });

  it('is closed again within seconds', async () => {
    await allowUnsigned(node, 'generous', 'presets');
    await until('the node has heard', async () => (await fetch(urlOf('?w=41'))).status === 403);
    expect((await fetch(urlOf('/small'))).status).toBe(200);
  });
});

/** Runs `safelight url-key`. @returns the words that it prints, beginning with a key's id. */
async function urlKeys(tenant: string, command: string, ...rest: string[]): Promise<string[]> {
  const args = [BIN, 'url-key', command, ...rest, '--tenant', tenant];
  const { stdout } = await promisify(execFile)(process.execPath, args, { env: { SAFELIGHT_DATA: node.data } });
  return stdout.match(/urk_\w{26}/g) ?? [];
}
