import { EVENTS, type EventType } from '@safelight/contract';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { ServerSentEvent } from '../../packages/sdk/src/server-sent-events.ts';
import { expectImage, expectProblem, readEvents, sendImage } from '../support/answers.ts';
import { keyOf } from '../support/node-database.ts';
import { smallPhoto, unlike } from '../support/pictures.ts';
import { awaitWorkers } from '../support/processes.ts';
import { Safelight } from '../support/safelight.ts';

let node: Safelight;
let photo: Buffer;

beforeAll(async () => {
  photo = await smallPhoto();
  node = await Safelight.start({ env: { SAFELIGHT_WORKERS: '1' } });
});
afterAll(() => node.close());

async function follow(id: string, lastEventId?: string): Promise<Response> {
  const headers = lastEventId === undefined ? {} : { 'last-event-id': lastEventId };
  const response = await node.fetch(`/v1/images/${id}/events`, { headers });
  expect(response.status).toBe(200);
  expect(response.headers.get('content-type')).toBe('text/event-stream; charset=utf-8');
  expect(response.headers.get('cache-control')).toBe('no-store');
  return response;
}

const count = (events: number) => (seen: readonly ServerSentEvent[]) => seen.length >= events;
const types = (events: readonly ServerSentEvent[]) => events.map(({ type }) => type);
const WHOLE = ['image.accepted', 'rendition.ready', 'rendition.ready', 'rendition.ready'];

/** Each event fits the catalogue, tells of this image, and positions only grow. */
function expectTrue(events: readonly ServerSentEvent[], imageId: string): void {
  for (const { type, data } of events) {
    const told = JSON.parse(data) as { type: string; imageId: string; at: string; data: unknown };
    expect(told).toMatchObject({ type, imageId });
    expect(Date.parse(told.at)).not.toBeNaN();
    EVENTS[type as EventType].data.parse(told.data);
    expect(data).not.toContain('127.0.0.1');
  }
  const positions = events.map(({ id }) => Number(id));
  expect(positions).toEqual([...new Set(positions)].sort((a, b) => a - b));
}

describe('the events of an image', () => {
  it('come as they happen: its acceptance, and then each of its renditions', async () => {
    const [worker = 0] = await awaitWorkers(node, 1);
    process.kill(worker, 'SIGSTOP');
    const { id } = await expectImage(await sendImage(node, unlike(photo)));
    const stream = await follow(id);
    const reading = readEvents(stream, (seen) => {
      if (seen.length === 1) process.kill(worker, 'SIGCONT');
      return seen.length >= 4;
    });
    const events = await reading;
    expect(types(events)).toEqual(WHOLE);
    expectTrue(events, id);
    const presets = events.slice(1).map(({ data }) => JSON.parse(data).data.preset);
    expect(presets.sort()).toEqual(['large', 'medium', 'small']);
  });

  it('are told from the first on to whoever comes late', async () => {
    const { id } = await expectImage(await sendImage(node, unlike(photo), '?wait=30'));
    const events = await readEvents(await follow(id), count(4));
    expect(types(events)).toEqual(WHOLE);
  });

  it('go on after any of them, without a gap and without a repeat', async () => {
    const { id } = await expectImage(await sendImage(node, unlike(photo), '?wait=30'));
    const all = await readEvents(await follow(id), count(4));
    for (const [index, { id: position }] of all.entries()) {
      if (index === 3) break;
      const rest = await readEvents(await follow(id, position), count(3 - index));
      expect(rest).toEqual(all.slice(index + 1));
    }
  });

  it('tell of another image of the same bytes what became of its renditions too', async () => {
    const bytes = unlike(photo);
    await expectImage(await sendImage(node, bytes, '?wait=30'));
    const second = await expectImage(await sendImage(node, bytes));
    const events = await readEvents(await follow(second.id), count(4));
    expect(types(events)).toEqual(WHOLE);
    expectTrue(events, second.id);
    expect(JSON.parse(events[0]?.data ?? '{}').data.duplicate).toBe(true);
  });

  it('tell of its deletion to whoever follows', async () => {
    const { id } = await expectImage(await sendImage(node, unlike(photo), '?wait=30'));
    const stream = await follow(id);
    const reading = readEvents(stream, count(5));
    expect((await node.fetch(`/v1/images/${id}`, { method: 'DELETE' })).status).toBe(200);
    const events = await reading;
    expect(types(events)).toEqual([...WHOLE, 'image.deleted']);
    expectTrue(events, id);
  });

  it('tell the cause of a rendition that failed', async () => {
    const broken = Buffer.from(photo);
    const middle = Math.floor(broken.length / 2);
    broken.fill(0xff, middle, middle + 64);
    const { id } = await expectImage(await sendImage(node, broken, '?wait=30'));
    const events = await readEvents(await follow(id), count(4));
    expect(types(events)).toEqual(['image.accepted', 'rendition.failed', 'rendition.failed', 'rendition.failed']);
    expectTrue(events, id);
  });

  it('reach many followers alike', async () => {
    const { id } = await expectImage(await sendImage(node, unlike(photo)));
    const streams = await Promise.all(Array.from({ length: 20 }, () => follow(id)));
    const read = await Promise.all(streams.map((stream) => readEvents(stream, count(4))));
    for (const events of read) expect(events).toEqual(read[0]);
  });

  it('are hidden from another tenant, and from whoever has no key', async () => {
    const { id } = await expectImage(await sendImage(node, photo));
    const neighbour = await keyOf(node, 'neighbour');
    await expectProblem(await node.fetch(`/v1/images/${id}/events`, { headers: neighbour }), 'image_not_found');
    await expectProblem(await fetch(`${node.url}/v1/images/${id}/events`), 'key_missing');
  });

  it('refuse a Last-Event-ID that is no position', async () => {
    const { id } = await expectImage(await sendImage(node, photo));
    for (const position of ['-1', 'x', '1e9', '9'.repeat(16)]) {
      const headers = { 'last-event-id': position };
      await expectProblem(await node.fetch(`/v1/images/${id}/events`, { headers }), 'request_invalid');
    }
  });
});
