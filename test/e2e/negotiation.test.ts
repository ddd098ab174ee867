import type { Image } from '@safelight/contract';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { withSignature } from '../../packages/service/src/http/signature.ts';
import { PICTURES, photo } from '../../scripts/make-pictures.ts';
import { expectImage, expectProblem, sendImage } from '../support/answers.ts';
import { smallPhoto, unlike } from '../support/pictures.ts';
import { Safelight } from '../support/safelight.ts';
import { until } from '../support/until.ts';
import { urlKeyOf } from '../support/url-keys.ts';

const CHROME = 'image/avif,image/webp,image/apng,image/*,*/*;q=0.8';
const SAFARI_OLD = 'image/webp,image/*,*/*;q=0.8';
const CURL = '*/*';

let node: Safelight;
let image: Image;

beforeAll(async () => {
  node = await Safelight.start({ env: { SAFELIGHT_WORKERS: '2' } });
  image = await expectImage(await sendImage(node, await smallPhoto(), '?wait=30'));
});
afterAll(() => node.close());

async function ask(query: string, headers: Record<string, string>, of = image): Promise<Response> {
  const path = withSignature(await urlKeyOf(node, 'demo'), `/i/demo/${of.id}?${query}`);
  return fetch(`${node.url}${path}`, { headers });
}

async function typeOf(query: string, accept: string, of = image): Promise<string | null> {
  return (await ask(query, { accept }, of)).headers.get('content-type');
}

/** What was answered when the best was there. */
async function final(query: string, accept: string, of = image): Promise<Response> {
  let answer = await ask(query, { accept }, of);
  await until('the best format is made', async () => {
    answer = await ask(query, { accept }, of);
    return !/max-age=10$/.test(answer.headers.get('cache-control') ?? '');
  });
  return answer;
}

describe('auto=format', () => {
  it('answers at once in a format that is made fast, for a short time, and later in the best', async () => {
    const first = await ask('w=201&auto=format', { accept: CHROME });
    expect(first.status).toBe(200);
    expect(first.headers.get('content-type')).toBe('image/jpeg');
    expect(first.headers.get('cache-control')).toBe('public, max-age=10');
    expect(first.headers.get('vary')).toBe('Accept');
    const last = await final('w=201&auto=format', CHROME);
    expect(last.headers.get('content-type')).toBe('image/avif');
    expect(last.headers.get('cache-control')).toBe('public, max-age=300');
    expect(last.headers.get('vary')).toBe('Accept');
  });

  it('has the best made with more effort than what somebody waits for', async () => {
    const twin = await expectImage(await sendImage(node, unlike(await smallPhoto()), '?wait=30'));
    const bytesOf = async (answer: Response) => (await answer.arrayBuffer()).byteLength;
    const waited = await bytesOf(await ask('w=400&fm=avif', {}, twin));
    const later = await final('w=400&auto=format', CHROME);
    expect(later.headers.get('content-type')).toBe('image/avif');
    expect(await bytesOf(later)).toBeLessThan(waited);
    // What a URL names by itself is made once: the one that stands already is the best there is.
    const standing = await ask('w=400&auto=format', { accept: CHROME }, twin);
    expect([standing.headers.get('cache-control'), await bytesOf(standing)]).toEqual(['public, max-age=300', waited]);
  });

  it('gives each client what it names, and one that names nothing what all show', async () => {
    expect(await typeOf('w=202&auto=format', CURL)).toBe('image/jpeg');
    expect((await final('w=202&auto=format', SAFARI_OLD)).headers.get('content-type')).toBe('image/webp');
    expect((await final('w=202&auto=format', CHROME)).headers.get('content-type')).toBe('image/avif');
    expect(await typeOf('w=202&auto=format', CURL)).toBe('image/jpeg');
    expect(await typeOf('w=202&auto=format', 'image/avif;q=0,image/webp')).toBe('image/webp');
  });

  it('takes the best that stands already, whoever had it made', async () => {
    expect(await typeOf('w=203&fm=webp', CURL)).toBe('image/webp');
    const answer = await ask('w=203&auto=format', { accept: CHROME });
    expect(answer.headers.get('content-type')).toBe('image/webp');
    expect(answer.headers.get('cache-control')).toBe('public, max-age=10');
  });

  it('leaves a format that the URL names, and then depends on nothing', async () => {
    const answer = await ask('w=204&auto=format&fm=png', { accept: CHROME });
    expect(answer.headers.get('content-type')).toBe('image/png');
    expect(answer.headers.get('vary')).toBeNull();
    expect(answer.headers.get('cache-control')).toBe('public, max-age=300');
  });

  it('keeps an animation moving', async () => {
    const moving = await expectImage(await sendImage(node, await PICTURES.animated.make(), '?wait=30'));
    expect((await final('w=20&auto=format', CHROME, moving)).headers.get('content-type')).toBe('image/webp');
    expect(await typeOf('w=20&auto=format', CURL, moving)).toBe('image/gif');
  });

  it('keeps transparency', async () => {
    const clear = await expectImage(
      await sendImage(node, await photo(60, 40).ensureAlpha(0.5).png().toBuffer(), '?wait=30'),
    );
    expect(await typeOf('w=21&auto=format', CURL, clear)).toBe('image/png');
    expect(await typeOf('w=22&auto=format', CHROME, clear)).toBe('image/webp');
  });
});

describe('auto=compress', () => {
  it('answers at once in the usual quality, and later in the one that was searched for', async () => {
    const first = await ask('w=205&fm=jpg&auto=compress', { accept: CURL });
    expect(first.headers.get('cache-control')).toBe('public, max-age=10');
    const last = await final('w=205&fm=jpg&auto=compress', CURL);
    expect(last.headers.get('etag')).toBe((await ask('w=205&fm=jpg&q=auto', {})).headers.get('etag'));
    expect(last.headers.get('vary')).toBeNull();
  });
});

describe('client hints', () => {
  it('count when the URL asks for them, and the answer says so', async () => {
    const hinted = await ask('fm=png&ch=width,dpr', { 'sec-ch-width': '150', 'sec-ch-dpr': '2' });
    expect(hinted.headers.get('vary')).toBe('Sec-CH-Width, Width, Sec-CH-DPR, DPR');
    expect(hinted.headers.get('accept-ch')).toBe('Sec-CH-Width, Sec-CH-DPR');
    expect(hinted.headers.get('etag')).toBe((await ask('fm=png&w=160', {})).headers.get('etag'));
    const plain = await ask('fm=png&w=50', { 'sec-ch-dpr': '2' });
    expect(plain.headers.get('vary')).toBeNull();
    const dense = await ask('fm=png&w=50&ch=DPR', { 'sec-ch-dpr': '2' });
    expect(dense.headers.get('etag')).toBe((await ask('fm=png&w=100', {})).headers.get('etag'));
  });
});

describe('a wish that is none', () => {
  it.each(['auto=', 'auto=webp', 'auto=format,format', 'ch=viewport-width', 'ch=,'])(
    'is refused by name: %s',
    async (query) => {
      const problem = await expectProblem(await ask(query, {}), 'request_invalid');
      expect(JSON.stringify(problem)).toContain(query.split('=')[0]);
    },
  );
});
