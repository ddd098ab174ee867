import { execFile } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { IIIF_CONTEXT } from '@safelight/contract';
import sharp from 'sharp';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { QUADRANTS, quadrants } from '../../scripts/make-pictures.ts';
import { expectImage, expectProblem, sendImage } from '../support/answers.ts';
import { tenantServing } from '../support/iiif.ts';
import { picture, smallPhoto } from '../support/pictures.ts';
import { exchange } from '../support/raw-http.ts';
import { Safelight } from '../support/safelight.ts';
import { until } from '../support/until.ts';

const BIN = fileURLToPath(new URL('../../packages/service/bin/safelight.mjs', import.meta.url));
/** Of the picture that most of this asks for: red and green above, blue and yellow below. */
const [WIDTH, HEIGHT] = [600, 400];
const [RED, GREEN, BLUE, YELLOW] = ['red', 'green', 'blue', 'yellow'] as const;

let node: Safelight;
let id: string;

beforeAll(async () => {
  node = await Safelight.start({ env: { SAFELIGHT_WORKERS: '2', SAFELIGHT_PENDING_MAX: '3' } });
  id = (await upload(await quadrants(WIDTH, HEIGHT).png().toBuffer())).id;
});
afterAll(() => node.close());

const upload = async (bytes: Uint8Array, headers?: Record<string, string>) =>
  expectImage(await sendImage(node, bytes, '?wait=30', headers && { headers }));
const get = (path: string, image = id, init: RequestInit = {}) =>
  fetch(`${node.url}/iiif/3/${image}${path}`, { redirect: 'manual', ...init });

async function pictureAt(path: string, image = id) {
  const response = await get(path, image);
  expect(response.status, path).toBe(200);
  const bytes = Buffer.from(await response.arrayBuffer());
  return { response, bytes, metadata: await sharp(bytes).metadata() };
}

/** What is seen in the four corners, row by row. */
async function cornersOf(bytes: Buffer): Promise<string[]> {
  const { data, info } = await sharp(bytes).flatten().toColourspace('srgb').raw().toBuffer({ resolveWithObject: true });
  const inset = 2;
  const [right, bottom] = [info.width - 1 - inset, info.height - 1 - inset];
  return [
    [inset, inset],
    [right, inset],
    [inset, bottom],
    [right, bottom],
  ].map(([x = 0, y = 0]) => {
    const at = (y * info.width + x) * info.channels;
    const distances = QUADRANTS.map((colour) =>
      Math.hypot(...colour.map((part, index) => part - (data[at + index] ?? 0))),
    );
    return [RED, GREEN, BLUE, YELLOW][distances.indexOf(Math.min(...distances))] ?? 'none';
  });
}

describe('info.json', () => {
  it('tells size, tiles, limits and what is offered, to pages of any origin', async () => {
    const response = await get('/info.json');
    expect(response.status).toBe(200);
    expect(Object.fromEntries(response.headers)).toMatchObject({
      'content-type': 'application/json',
      'access-control-allow-origin': '*',
      'cache-control': 'public, max-age=300',
      link: '<http://iiif.io/api/image/3/level2.json>;rel="profile"',
      vary: 'accept',
    });
    expect(await response.json()).toMatchObject({
      '@context': IIIF_CONTEXT,
      id: `${node.url}/iiif/3/${id}`,
      type: 'ImageService3',
      profile: 'level2',
      width: WIDTH,
      height: HEIGHT,
      tiles: [{ width: 512, scaleFactors: [1, 2] }],
    });
  });

  it('comes as linked data when that is asked for', async () => {
    const response = await get('/info.json', id, { headers: { accept: 'application/ld+json, */*;q=0.1' } });
    expect(response.headers.get('content-type')).toBe(`application/ld+json;profile="${IIIF_CONTEXT}"`);
  });

  it('tells the size of the picture as it is shown, and is what the base URI leads to', async () => {
    const turned = await upload(await picture('turned-with-gps'));
    const redirect = await get('', turned.id);
    expect(redirect.status).toBe(303);
    const info = await fetch(redirect.headers.get('location') ?? '');
    expect(await info.json()).toMatchObject({ width: 400, height: 600 });
    expect((await pictureAt('/0,0,200,300/max/0/default.jpg', turned.id)).metadata).toMatchObject({
      width: 200,
      height: 300,
    });
  });

  it('is answered to HEAD without a body', async () => {
    const response = await get('/info.json', id, { method: 'HEAD' });
    expect(response.status).toBe(200);
    expect(await response.text()).toBe('');
  });
});

describe('an image', () => {
  it.each([
    ['/full/max/0/default.png', 600, 400, [RED, GREEN, BLUE, YELLOW]],
    ['/square/max/0/default.jpg', 400, 400, [RED, GREEN, BLUE, YELLOW]],
    ['/300,0,300,200/max/0/default.png', 300, 200, [GREEN, GREEN, GREEN, GREEN]],
    ['/pct:0,50,50,50/max/0/default.png', 300, 200, [BLUE, BLUE, BLUE, BLUE]],
    ['/full/300,/0/default.jpg', 300, 200, [RED, GREEN, BLUE, YELLOW]],
    ['/full/,100/0/default.jpg', 150, 100, [RED, GREEN, BLUE, YELLOW]],
    ['/full/300,300/0/default.jpg', 300, 300, [RED, GREEN, BLUE, YELLOW]],
    ['/full/!300,300/0/default.jpg', 300, 200, [RED, GREEN, BLUE, YELLOW]],
    ['/full/pct:25/0/default.jpg', 150, 100, [RED, GREEN, BLUE, YELLOW]],
    ['/full/^1200,/0/default.jpg', 1200, 800, [RED, GREEN, BLUE, YELLOW]],
    ['/full/%5E!900,900/0/default.jpg', 900, 600, [RED, GREEN, BLUE, YELLOW]],
    ['/full/max/90/default.jpg', 400, 600, [BLUE, RED, YELLOW, GREEN]],
    ['/full/max/180/default.jpg', 600, 400, [YELLOW, BLUE, GREEN, RED]],
    ['/full/max/270/default.jpg', 400, 600, [GREEN, YELLOW, RED, BLUE]],
    ['/full/max/!0/default.jpg', 600, 400, [GREEN, RED, YELLOW, BLUE]],
    ['/full/max/!90/default.jpg', 400, 600, [YELLOW, GREEN, BLUE, RED]],
    ['/0,0,300,400/150,200/90/default.png', 200, 150, [BLUE, RED, BLUE, RED]],
  ])('%s has %i × %i pixels, and the colours where they belong', async (path, width, height, corners) => {
    const { bytes, metadata } = await pictureAt(path);
    expect(metadata).toMatchObject({ width, height });
    expect(await cornersOf(bytes)).toEqual(corners);
  });

  it.each([
    ['jpg', 'jpeg', 'image/jpeg'],
    ['png', 'png', 'image/png'],
    ['webp', 'webp', 'image/webp'],
    ['gif', 'gif', 'image/gif'],
    ['tif', 'tiff', 'image/tiff'],
    ['avif', 'heif', 'image/avif'],
  ])('comes as %s', async (extension, format, type) => {
    const { response, metadata } = await pictureAt(`/full/60,/0/default.${extension}`);
    expect(metadata.format).toBe(format);
    expect(response.headers.get('content-type')).toBe(type);
  });

  it('comes without colours', async () => {
    const { bytes } = await pictureAt('/full/max/0/gray.png');
    const { channels } = await sharp(bytes).toColourspace('srgb').stats();
    const [red, green, blue] = channels.map(({ mean }) => mean);
    expect([green, blue]).toEqual([expect.closeTo(red ?? -1, 0), expect.closeTo(red ?? -1, 0)]);
  });

  it('names its canonical URL, at which the same bytes are', async () => {
    const { response, bytes } = await pictureAt('/pct:0,0,50,50/^pct:200/360/color.jpg');
    const [, canonical] = /<([^>]+)>;rel="canonical"/.exec(response.headers.get('link') ?? '') ?? [];
    expect(canonical).toBe(`${node.url}/iiif/3/${id}/0,0,300,200/%5E600,400/0/default.jpg`);
    const again = await fetch(canonical ?? '');
    expect(Buffer.from(await again.arrayBuffer()).equals(bytes)).toBe(true);
    expect(response.headers.get('link')).toContain('<http://iiif.io/api/image/3/level2.json>;rel="profile"');
  });

  it('is answered like any other delivery: to HEAD, to who has it, in part, to pages of any origin', async () => {
    const path = '/full/90,/0/default.jpg';
    const { response, bytes } = await pictureAt(path);
    expect(response.headers.get('cache-control')).toBe('public, max-age=300');
    expect(response.headers.get('access-control-allow-origin')).toBe('*');
    const head = await get(path, id, { method: 'HEAD' });
    expect(Number(head.headers.get('content-length'))).toBe(bytes.length);
    const etag = response.headers.get('etag') ?? '';
    expect((await get(path, id, { headers: { 'if-none-match': etag } })).status).toBe(304);
    expect((await get(path, id, { headers: { range: 'bytes=0-9' } })).status).toBe(206);
    const preflight = await get(path, id, { method: 'OPTIONS' });
    expect([preflight.status, preflight.headers.get('access-control-allow-origin')]).toEqual([204, '*']);
    await expectProblem(await get(path, id, { method: 'DELETE' }), 'method_not_allowed');
  });

  it('is the first frame of an animation', async () => {
    const moving = await upload(await picture('animated-film'));
    const { metadata } = await pictureAt('/full/max/0/default.webp', moving.id);
    expect(metadata.pages ?? 1).toBe(1);
  });
});

describe('a path that asks for nothing there is', () => {
  it.each([
    ['/full/0,/0/default.jpg', 'size'],
    ['/full/601,/0/default.jpg', 'size'],
    ['/full/^100000,/0/default.jpg', 'size'],
    ['/full/full/0/default.jpg', 'size'],
    ['/full/%255E10,/0/default.jpg', 'size'],
    ['/600,0,10,10/max/0/default.jpg', 'region'],
    ['/0,0,0,10/max/0/default.jpg', 'region'],
    ['/pct:0,0,0,0/max/0/default.jpg', 'region'],
    ['/0%2F0,10,10/max/0/default.jpg', 'region'],
    ['/full%00/max/0/default.jpg', 'region'],
    [`/${'9'.repeat(150)},0,1,1/max/0/default.jpg`, 'region'],
    ['/full/max/45/default.jpg', 'rotation'],
    ['/full/max/-90/default.jpg', 'rotation'],
    ['/full/max/0/bitonal.jpg', 'quality.format'],
    ['/full/max/0/default.jp2', 'quality.format'],
    ['/full/max/0/default', 'quality.format'],
    ['/full/max/0/default.jpg%3Fx', 'quality.format'],
  ])('%s is refused with 400 that names %s', async (path, parameter) => {
    const response = await get(path);
    expect(response.headers.get('access-control-allow-origin')).toBe('*');
    const { parameters } = await expectProblem(response, 'request_invalid');
    expect(parameters?.map((problem) => problem.parameter)).toEqual([parameter]);
  });

  it.each([
    ['/full/max/0', 404],
    ['/full/max/0/default.jpg/more', 404],
    ['/full/max/0/%zz.jpg', 400],
    ['/full/max/0/%ff.jpg', 400],
    [`/${'9'.repeat(5_000)}/max/0/default.jpg`, 404],
    ['//max/0/default.jpg', 400],
    ['/info.xml', 404],
  ])('%s: %i', async (path, status) => {
    expect((await get(path)).status).toBe(status);
  });

  it('is never answered as the node’s mistake, however the request is made', async () => {
    for (const host of ['a\x7fb', 'a>;rel="canonical"', '\xff', '%', 'a b', '[']) {
      const request = Buffer.from(
        `GET /iiif/3/${id}/full/61,/0/default.jpg HTTP/1.1\r\nHost: ${host}\r\nConnection: close\r\n\r\n`,
        'latin1',
      );
      expect((await exchange(node.url, request)).status, host).toBeLessThan(500);
      const base = Buffer.from(`GET /iiif/3/${id} HTTP/1.1\r\nHost: ${host}\r\nConnection: close\r\n\r\n`, 'latin1');
      expect((await exchange(node.url, base)).status, host).toBeLessThan(500);
    }
  });
});

describe('what a tenant serves', () => {
  const told = async (response: Response) => {
    const { requestId: _, ...problem } = await expectProblem(response, 'image_not_found');
    return problem;
  };

  it('is nothing unless it says so: its images are as if there were none', async () => {
    const image = await upload(await smallPhoto(), await tenantServing(node, 'silent', 'off'));
    const missing = await told(await get('/info.json', `img_${'0'.repeat(26)}`));
    for (const path of ['', '/info.json', '/full/max/0/default.jpg', '/full/wrong/0/default.jpg']) {
      expect(await told(await get(path, image.id))).toEqual(missing);
      expect(await told(await get(path, 'nonsense'))).toEqual(missing);
    }
  });

  it('is only what info.json lists, where it serves tiles', async () => {
    const image = await upload(await smallPhoto(), await tenantServing(node, 'tiling', 'tiles'));
    const info = await get('/info.json', image.id);
    expect(info.headers.get('link')).toContain('/level0.json>;rel="profile"');
    expect(await info.json()).toMatchObject({ profile: 'level0', width: 640, height: 480 });
    for (const listed of [
      '/full/max/0/default.jpg',
      '/full/320,240/0/default.webp',
      '/512,0,128,480/128,480/0/default.jpg',
    ]) {
      await pictureAt(listed, image.id);
    }
    for (const other of [
      '/full/319,/0/default.jpg',
      '/square/max/0/default.jpg',
      '/full/max/90/default.jpg',
      '/full/max/0/gray.jpg',
    ]) {
      await expectProblem(await get(other, image.id), 'iiif_not_listed');
    }
    await expectProblem(await get('/full/0,/0/default.jpg', image.id), 'request_invalid');
  });

  it('is its own choice, whatever others chose, and is followed at once when it changes', async () => {
    const changing = await upload(await smallPhoto(), await tenantServing(node, 'changing', 'open'));
    expect((await get('/full/64,/0/default.jpg', changing.id)).status).toBe(200);
    const set = (what: string) =>
      promisify(execFile)(process.execPath, [BIN, 'tenant', 'set', 'changing', '--iiif', what], {
        env: { PATH: process.env.PATH, HOME: process.env.HOME, SAFELIGHT_DATA: node.data },
      });
    await set('off');
    await until('it serves nothing', async () => (await get('/full/64,/0/default.jpg', changing.id)).status === 404);
    expect((await get('/full/64,/0/default.jpg')).status).toBe(200);
    await set('tiles');
    await until('it serves tiles', async () => (await get('/full/64,/0/default.jpg', changing.id)).status === 403);
    await expect(set('anything')).rejects.toThrow(/Allowed choices are off, tiles, open/);
  });

  it('is bounded: what is new is refused while as many of its renditions are pending as may be', async () => {
    const made = '/full/70,/0/default.jpg';
    expect((await get(made)).status).toBe(200);
    const answers = await Promise.all(Array.from({ length: 30 }, (_, n) => get(`/full/${400 + n},/0/default.avif`)));
    const refused = answers.filter(({ status }) => status !== 200);
    expect(refused.length).toBeGreaterThan(0);
    for (const answer of refused) await expectProblem(answer, 'overloaded');
    expect((await get(made)).status).toBe(200);
  });

  it('ends with the image', async () => {
    const image = await upload(await smallPhoto());
    expect((await get('/info.json', image.id)).status).toBe(200);
    await node.fetch(`/v1/images/${image.id}`, { method: 'DELETE' });
    for (const path of ['', '/info.json', '/full/max/0/default.jpg']) {
      // Sooner than what is known of it is asked for anew.
      await until('it is gone', async () => (await get(path, image.id)).status === 410, 2_000);
    }
  });
});
