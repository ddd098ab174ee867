import { createClient, type SafelightClient } from '@safelight/sdk';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { photo } from '../../scripts/make-pictures.ts';
import { expectProblem } from '../support/answers.ts';
import { runCommand } from '../support/command.ts';
import { unlike } from '../support/pictures.ts';
import { Safelight } from '../support/safelight.ts';
import { until } from '../support/until.ts';

let node: Safelight;
let client: SafelightClient;
let images: string[];

beforeAll(async () => {
  const picture = await photo(400, 300).jpeg().toBuffer();
  node = await Safelight.start();
  client = createClient({ baseUrl: node.url, key: await node.demoKey() });
  images = [];
  for (const filename of ['one.jpg', 'two.jpg', 'three.jpg']) {
    images.push((await client.images.create(unlike(picture), { filename, wait: 30 })).id);
  }
  await client.images.delete(images[2] ?? '');
  await until('the deletion to be sealed', async () => (await typesOf({ type: 'image.deleted' })).length === 1);
});
afterAll(() => node.close());

async function collected<T>(items: AsyncIterable<T>): Promise<T[]> {
  const all: T[] = [];
  for await (const item of items) all.push(item);
  return all;
}
const typesOf = async (query: Parameters<SafelightClient['audit']['events']>[0]) =>
  (await collected(client.audit.events(query))).map(({ type }) => type);

describe('the log of a tenant', () => {
  it('tells who did what, from where and with which key, the newest first', async () => {
    const all = await collected(client.audit.events({ limit: 5 }));
    expect(all.map(({ position }) => position)).toEqual(all.map((_, index) => all.length - index));
    const upload = all.find(({ type, imageId }) => type === 'image.accepted' && imageId === images[0]);
    expect(upload).toMatchObject({
      actor: expect.stringMatching(/^key_/),
      personal: { filename: 'one.jpg', address: '127.0.0.1' },
      hash: expect.stringMatching(/^[0-9a-f]{64}$/),
    });
    const oldest = await collected(client.audit.events({ limit: 5, order: 'asc' }));
    expect(oldest).toEqual(all.toReversed());
  });

  it('tells where a change of anything came from, and nothing of the kind where nobody asked', async () => {
    const { id } = await client.webhooks.create({ url: 'https://example.org/' });
    const told = await until('the change to be sealed', async () => {
      const [event] = await collected(client.audit.events({ subject: id }));
      return event;
    });
    expect(told).toMatchObject({ type: 'webhook.created', personal: { address: '127.0.0.1' } });
    const ready = await collected(client.audit.events({ type: 'rendition.ready' }));
    expect(ready.filter(({ personal }) => personal !== undefined)).toEqual([]);
  });

  it('is narrowed by what is asked for', async () => {
    const [image = ''] = images;
    const ofImage = await collected(client.audit.events({ image, limit: 2 }));
    expect(new Set(ofImage.map(({ imageId }) => imageId))).toEqual(new Set([image]));
    expect(ofImage.map(({ type }) => type)).toEqual([...Array(3).fill('rendition.ready'), 'image.accepted']);
    expect(await typesOf({ subject: images[2] ?? '', order: 'asc' })).toEqual(['image.accepted', 'image.deleted']);
    expect(await typesOf({ actor: 'key_00000000000000000000000000' })).toEqual([]);
    const [, second] = await collected(client.audit.events({ type: 'image.accepted', order: 'asc' }));
    expect(await typesOf({ type: 'image.accepted', since: second?.at ?? '' })).toHaveLength(2);
    expect(await typesOf({ type: 'image.accepted', until: second?.at ?? '' })).toHaveLength(1);
  });

  it('is exported whole, a line for each event, and goes on behind a position', async () => {
    const response = await node.fetch('/v1/audit/export');
    expect(response.headers.get('content-type')).toBe('application/x-ndjson');
    const lines = (await response.text()).trimEnd().split('\n');
    expect(lines.map((line) => JSON.parse(line))).toEqual(await collected(client.audit.events({ order: 'asc' })));
    const rest = await (await node.fetch(`/v1/audit/export?after=${lines.length - 2}`)).text();
    expect(rest).toBe(`${lines.slice(-2).join('\n')}\n`);
    expect(await (await node.fetch('/v1/audit/export?type=job.dead')).text()).toBe('');
  });

  it('loses what belongs to a person with the image, and holds', async () => {
    const [accepted] = await collected(client.audit.events({ image: images[2] ?? '', type: 'image.accepted' }));
    expect(accepted?.personal).toBeUndefined();
    const verified = await runCommand(['audit', 'verify'], { SAFELIGHT_DATA: node.data });
    expect(verified).toMatchObject({ code: 0, stdout: expect.stringContaining('The log holds.') });
  });

  it('is read by its tenant alone, with a key that may', async () => {
    const made = await runCommand(['tenant', 'create', 'stranger'], { SAFELIGHT_DATA: node.data });
    const key = /sl_[\w-]{43}/.exec(made.stdout)?.[0] ?? '';
    const stranger = createClient({ baseUrl: node.url, key });
    for (const query of [{}, { image: images[0] ?? '' }, { order: 'asc' as const, after: 0 }]) {
      const seen = await collected(stranger.audit.events(query));
      expect(seen.filter(({ imageId }) => imageId !== undefined)).toEqual([]);
    }
    await expectProblem(await fetch(`${node.url}/v1/audit`), 'key_missing');
    for (const bad of [
      'limit=501',
      'order=up',
      'type=image.eaten',
      'since=today',
      'after=-1',
      `actor=${'a'.repeat(65)}`,
    ]) {
      await expectProblem(await node.fetch(`/v1/audit?${bad}`), 'request_invalid');
    }
  });
});
