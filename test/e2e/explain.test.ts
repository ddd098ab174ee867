import { type Explanation, explanationSchema, type Image } from '@safelight/contract';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { expectImage, expectProblem, sendImage } from '../support/answers.ts';
import { keyOf } from '../support/node-database.ts';
import { smallPhoto } from '../support/pictures.ts';
import { Safelight } from '../support/safelight.ts';
import { signedUrl } from '../support/url-keys.ts';

let node: Safelight;
let image: Image;

beforeAll(async () => {
  node = await Safelight.start({ env: { SAFELIGHT_WORKERS: '1' } });
  image = await expectImage(await sendImage(node, await smallPhoto(), '?wait=30'));
});
afterAll(() => node.close());

async function explain(query: string): Promise<Explanation> {
  const response = await node.fetch(`/v1/images/${image.id}/explain?${query}`);
  expect(response.status).toBe(200);
  expect(response.headers.get('cache-control')).toBe('no-store');
  return explanationSchema.parse(await response.json());
}

describe('the explanation of a rendition', () => {
  it('tells its plan and what that is predicted to cost, and makes nothing', async () => {
    const { transformation, plan, predicted, source, real } = await explain('w=123&fm=avif&q=auto');
    expect(transformation).toBe('fit=max&fm=avif&q=auto&w=123');
    expect(source).toMatchObject({ format: 'jpeg', width: image.width, height: image.height });
    expect(plan).toMatchObject({ format: 'avif', width: 123, quality: 'auto', frames: 1, sizeIsKnown: true });
    expect(predicted?.cpuMs).toBeGreaterThan(predicted?.decodeCpuMs ?? Number.POSITIVE_INFINITY);
    expect(real).toBeUndefined();
    const { renditions } = await expectImage(await node.fetch(`/v1/images/${image.id}`));
    expect(renditions.map((rendition) => rendition.transformation)).not.toContain(transformation);
  });

  it('tells what it did cost, when it was made', async () => {
    const response = await fetch(await signedUrl(node, image.id, { w: 124, fm: 'webp' }));
    const bytes = (await response.arrayBuffer()).byteLength;
    const { real, plan } = await explain('w=124&fm=webp');
    expect(real).toMatchObject({ state: 'ready', format: 'webp', width: 124, height: plan?.height, bytes });
    expect(real?.cpuMs).toBeGreaterThan(0);
  });

  it('tells why one cannot be made', async () => {
    const { cause, plan, predicted } = await explain('rect=60000,60000,10,10');
    expect(cause?.code).toBe('rect_outside');
    expect([plan, predicted]).toEqual([undefined, undefined]);
  });

  it('stands at the delivery URL too, for who has a key of that tenant', async () => {
    const at = `/i/demo/${image.id}?w=123&fm=avif&q=auto&explain=1`;
    const told = explanationSchema.parse(await (await node.fetch(at)).json());
    expect(told).toEqual(await explain('w=123&fm=avif&q=auto'));
    const signed = await signedUrl(node, image.id, { w: 123, fm: 'avif', q: 'auto' });
    expect(await (await node.fetch(`${signed}&explain=1`)).json()).toEqual(told);
    await expectProblem(await fetch(`${node.url}${at}`), 'key_missing');
    const headers = await keyOf(node, 'neighbour');
    await expectProblem(await fetch(`${node.url}${at}`, { headers }), 'image_not_found');
    await expectProblem(await fetch(`${node.url}/v1/images/${image.id}/explain?w=1`, { headers }), 'image_not_found');
  });

  it('names a wrong parameter as the delivery does', async () => {
    const problem = await expectProblem(await node.fetch(`/v1/images/${image.id}/explain?w=0`), 'request_invalid');
    expect(problem.parameters?.[0]?.parameter).toBe('w');
  });
});
