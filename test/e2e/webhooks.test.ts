import { createClient, type SafelightClient } from '@safelight/sdk';
import { Webhook as Verifier } from 'standardwebhooks';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { photo } from '../../scripts/make-pictures.ts';
import { expectProblem } from '../support/answers.ts';
import { runCommand } from '../support/command.ts';
import { unlike } from '../support/pictures.ts';
import { Receiver } from '../support/receiver.ts';
import { Safelight } from '../support/safelight.ts';
import { until } from '../support/until.ts';

const ENV = { SAFELIGHT_OUTBOUND_ALLOW: '127.0.0.0/8' };

let node: Safelight;
let client: SafelightClient;
let receiver: Receiver;
let picture: Buffer;

beforeAll(async () => {
  picture = await photo(800, 600).jpeg().toBuffer();
  receiver = await Receiver.start();
  node = await Safelight.start({ env: ENV });
  client = createClient({ baseUrl: node.url, key: await node.demoKey() });
});
beforeEach(async () => {
  receiver.forget();
  for (const { id } of await client.webhooks.list()) await client.webhooks.remove(id);
});
afterAll(async () => {
  await receiver.close();
  await node.close();
});

const post = async (path: string, body: unknown, method = 'POST') =>
  node.fetch(path, { method, headers: { 'content-type': 'application/json' }, body: JSON.stringify(body) });
const typesAt = (path: string) => receiver.at(path).map(({ body }) => (JSON.parse(body) as { type: string }).type);

describe('a webhook of a tenant', () => {
  it('hears of an upload, of each rendition and of the deletion, signed', async () => {
    const webhook = await client.webhooks.create({
      url: receiver.urlOf('/hook'),
      eventTypes: ['image.accepted', 'rendition.ready', 'image.deleted'],
    });
    const image = await client.images.create(unlike(picture), { filename: 'secret-name.jpg' });
    await until('four messages', () => receiver.at('/hook').length === 4);
    await client.images.delete(image.id);
    await until('five messages', () => receiver.at('/hook').length === 5);
    expect(typesAt('/hook').toSorted()).toEqual([
      'image.accepted',
      'image.deleted',
      ...Array(3).fill('rendition.ready'),
    ]);
    const verifier = new Verifier(webhook.secret);
    for (const { body, headers } of receiver.at('/hook')) {
      expect(verifier.verify(body, headers)).toMatchObject({ data: { imageId: image.id } });
      expect(body).not.toContain('secret-name');
    }
    await until('the log of deliveries', async () => {
      const { deliveries } = await client.webhooks.deliveries(webhook.id, { state: 'delivered' });
      return deliveries.length === 5;
    });
    const first = await client.webhooks.deliveries(webhook.id, { limit: 2 });
    const second = await client.webhooks.deliveries(webhook.id, { limit: 3, after: first.next });
    expect([...first.deliveries, ...second.deliveries].map(({ position }) => position)).toEqual(
      (await client.webhooks.deliveries(webhook.id)).deliveries.map(({ position }) => position),
    );
    expect(second.next).toBeUndefined();
  });

  it('misses nothing when the node is killed while its receiver is down', async () => {
    const webhook = await client.webhooks.create({ url: receiver.urlOf('/down'), eventTypes: ['image.accepted'] });
    receiver.answer = (_message, response) => response.destroy();
    const image = await client.images.create(unlike(picture));
    await until('an attempt', () => receiver.at('/down').length > 0);
    await node.kill();
    receiver.forget();
    node = await Safelight.start({ env: ENV, data: node.data });
    client = createClient({ baseUrl: node.url, key: await node.demoKey() });
    await until('the message', () => receiver.at('/down').length > 0);
    expect(JSON.parse(receiver.at('/down')[0]?.body ?? '')).toMatchObject({ data: { imageId: image.id } });
    expect((await client.webhooks.get(webhook.id)).state).toBe('enabled');
  });

  it('can be changed, tested, given a new secret, disabled, caught up and removed', async () => {
    const { id } = await client.webhooks.create({ url: receiver.urlOf('/one'), eventTypes: ['image.deleted'] });
    await client.webhooks.change(id, { url: receiver.urlOf('/two'), description: 'the shop', eventTypes: null });
    expect(await client.webhooks.get(id)).toMatchObject({ description: 'the shop', state: 'enabled' });
    await client.webhooks.test(id);
    await until('the test', () => typesAt('/two').includes('webhook.tested'));
    const rotated = await client.webhooks.rotateSecret(id, { overlapSeconds: 0 });
    receiver.forget();
    await client.webhooks.test(id);
    await until('the second test', () => typesAt('/two').includes('webhook.tested'));
    const tested = receiver.at('/two').find(({ body }) => body.includes('webhook.tested'));
    new Verifier(rotated.secret).verify(tested?.body ?? '', tested?.headers ?? {});

    const since = new Date(Date.now() - 1_000).toISOString();
    expect(await client.webhooks.change(id, { state: 'disabled' })).toMatchObject({ disabledCause: 'by the tenant' });
    const image = await client.images.create(unlike(picture), { wait: 30 });
    receiver.forget();
    await client.webhooks.change(id, { state: 'enabled', eventTypes: ['image.accepted'] });
    await until('the log to be sealed', async () => (await client.webhooks.redeliver(id, { since })) > 0);
    await until('what was missed', () => typesAt('/two').includes('image.accepted'));
    expect(receiver.at('/two').some(({ body }) => body.includes(image.id))).toBe(true);
    await client.webhooks.remove(id);
    await expect(client.webhooks.get(id)).rejects.toMatchObject({ code: 'webhook_not_found' });
  });

  it('is nobody else’s', async () => {
    const { id } = await client.webhooks.create({ url: receiver.urlOf('/mine') });
    await client.webhooks.test(id);
    await until('a delivery', async () => (await client.webhooks.deliveries(id)).deliveries.length > 0);
    const [delivery] = (await client.webhooks.deliveries(id)).deliveries;
    const made = await runCommand(['tenant', 'create', 'stranger'], { SAFELIGHT_DATA: node.data });
    const key = /sl_[\w-]{43}/.exec(made.stdout)?.[0] ?? '';
    const stranger = createClient({ baseUrl: node.url, key });
    const eventId = delivery?.eventId ?? '';
    for (const attempt of [
      () => stranger.webhooks.get(id),
      () => stranger.webhooks.change(id, { state: 'disabled' }),
      () => stranger.webhooks.remove(id),
      () => stranger.webhooks.rotateSecret(id),
      () => stranger.webhooks.test(id),
      () => stranger.webhooks.deliveries(id),
      () => stranger.webhooks.redeliver(id, { eventId }),
    ]) {
      await expect(attempt()).rejects.toMatchObject({ code: 'webhook_not_found' });
    }
    expect(await stranger.webhooks.list()).toEqual([]);
    expect((await client.webhooks.get(id)).state).toBe('enabled');
  });
});

describe('bad input', () => {
  it('is refused with what is wrong', async () => {
    const url = receiver.urlOf('/bad');
    for (const [body, what] of [
      [{}, /^url: /],
      [{ url: 'ftp://example.org/' }, /^url: /],
      [{ url: `https://example.org/${'a'.repeat(2_000)}` }, /^url: /],
      [{ url, eventTypes: [] }, /^eventTypes: /],
      [{ url, eventTypes: ['image.eaten'] }, /^eventTypes\.0: /],
      [{ url, secret: 'mine' }, /secret/],
      [{ url, description: 'a'.repeat(256) }, /^description: /],
    ] as const) {
      expect((await expectProblem(await post('/v1/webhooks', body), 'request_invalid')).detail).toMatch(what);
    }
    const { id } = await client.webhooks.create({ url });
    for (const body of [{}, { eventId: 'evt_1', since: new Date().toISOString() }, { since: 'yesterday' }]) {
      await expectProblem(await post(`/v1/webhooks/${id}/redeliver`, body), 'request_invalid');
    }
    await expectProblem(await post(`/v1/webhooks/${id}/redeliver`, { eventId: 'evt_1' }), 'delivery_not_found');
    await expectProblem(await post(`/v1/webhooks/${id}`, {}, 'PATCH'), 'request_invalid');
    await expectProblem(await node.fetch('/v1/webhooks/whk_1'), 'webhook_not_found');
    await expectProblem(await node.fetch('/v1/webhooks', { method: 'POST', body: 'url=x' }), 'media_type_unsupported');
  });

  it('has a bound on how many there are', async () => {
    const url = receiver.urlOf('/many');
    await Promise.all(Array.from({ length: 50 }, () => client.webhooks.create({ url, eventTypes: ['job.dead'] })));
    const problem = await expectProblem(await post('/v1/webhooks', { url }), 'limit_reached');
    expect(problem.bound).toEqual({ name: 'webhooksMax', limit: 50 });
  });
});
