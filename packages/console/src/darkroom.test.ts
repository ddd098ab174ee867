import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { createClient } from '@safelight/sdk';
import { afterEach, describe, expect, test, vi } from 'vitest';
import { Darkroom } from './darkroom.ts';

type Handler = (request: IncomingMessage, response: ServerResponse, body: Buffer) => void;

const closers = new Set<() => Promise<void>>();

afterEach(async () => {
  for (const close of closers) await close();
  closers.clear();
});

const SESSION = { tenant: 'demo', version: '1', uploadBytesMax: 1000, pixelsMax: 1e8 };
const json = (response: ServerResponse, status: number, value: unknown) =>
  response.writeHead(status, { 'content-type': 'application/json' }).end(JSON.stringify(value));
const image = (id: string, state: string) => ({
  id,
  filename: id,
  renditions: [{ id: `ren_${id}`, preset: 'small', state, url: 'http://s/x' }],
  urls: {},
});
const event = (id: string, type: string, data: object) =>
  `id: 1\nevent: ${type}\ndata: ${JSON.stringify({ type, subject: id, imageId: id, at: 't', data })}\n\n`;

/** A page without its looks, at a real server on which some routes are answered as the test says. */
async function start(routes: Record<string, Handler>) {
  const seen: string[] = [];
  const defaults: Record<string, Handler> = {
    'POST /v1/session': (_, response) => json(response, 200, SESSION),
    'GET /v1/images': (_, response) => json(response, 200, { images: [] }),
  };
  const server = createServer(async (request, response) => {
    const chunks: Buffer[] = [];
    for await (const chunk of request) chunks.push(chunk);
    const route = `${request.method} ${request.url?.replace(/\?.*$/, '').replace(/img_\w+/, '{id}')}`;
    seen.push(route);
    ({ ...defaults, ...routes })[route]?.(request, response, Buffer.concat(chunks));
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  closers.add(async () => {
    server.closeAllConnections();
    await new Promise((resolve) => server.close(resolve));
  });
  const baseUrl = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  const darkroom = new Darkroom(createClient({ baseUrl, retry: { retriesMax: 0 } }));
  return { darkroom, seen, cards: () => darkroom.store.state().cards };
}

const files = (count: number) => Array.from({ length: count }, (_, index) => new File(['abc'], `img_${index}`));
const eventually = (check: () => void) => vi.waitFor(check, { timeout: 10_000, interval: 10 });

describe('the queue of uploads', () => {
  test('sends three at once, in the order of the drop, and shows the last dropped first', async () => {
    const arrived: { name: string; answer: () => void }[] = [];
    let most = 0;
    const { darkroom, cards } = await start({
      'POST /v1/images': (request, response) => {
        const name = new URL(request.url ?? '', 'http://x').searchParams.get('filename') ?? '';
        arrived.push({ name, answer: () => json(response, 202, image(name, 'ready')) });
        most = Math.max(most, arrived.length);
      },
    });
    await darkroom.open();
    darkroom.uploads.take(files(7));
    const order: string[] = [];
    while (order.length < 7) {
      await eventually(() => expect(arrived.length).toBe(Math.min(3, 7 - order.length)));
      const next = arrived.shift();
      order.push(next?.name ?? '');
      next?.answer();
    }
    await eventually(() => expect(cards().every(({ step }) => step === 'accepted')).toBe(true));
    expect(most).toBe(3);
    expect([...order].sort()).toEqual(files(7).map(({ name }) => name));
    expect(order.slice(3)).toEqual(['img_3', 'img_4', 'img_5', 'img_6']);
    expect(cards().map((card) => card.step === 'accepted' && card.image.id)[0]).toBe('img_6');
  });

  test('never sends a file over the bound of bytes', async () => {
    const { darkroom, seen, cards } = await start({});
    await darkroom.open();
    darkroom.uploads.take([new File([new Uint8Array(1001)], 'large.jpg')]);
    expect(cards()[0]).toMatchObject({ step: 'refused', trouble: { retryable: false } });
    expect(seen).not.toContain('POST /v1/images');
  });

  test('a second try by hand goes under the same idempotency key', async () => {
    const keys: unknown[] = [];
    const { darkroom, cards } = await start({
      'POST /v1/images': (request, response) => {
        keys.push(request.headers['idempotency-key']);
        if (keys.length === 1) json(response, 503, { code: 'overloaded', title: 'T', status: 503 });
        else json(response, 202, image('img_0', 'ready'));
      },
    });
    await darkroom.open();
    darkroom.uploads.take(files(1));
    await eventually(() => expect(cards()[0]).toMatchObject({ step: 'refused', trouble: { retryable: true } }));
    darkroom.uploads.retry(cards()[0]?.key ?? '');
    await eventually(() => expect(cards()[0]?.step).toBe('accepted'));
    expect(keys).toHaveLength(2);
    expect(keys[1]).toBe(keys[0]);
  });

  test('a dismissed upload is stopped, and one that waited is never sent', async () => {
    const stopped = Promise.withResolvers<void>();
    const { darkroom, seen, cards } = await start({
      'POST /v1/images': (_, response) => response.once('close', stopped.resolve),
    });
    await darkroom.open();
    darkroom.uploads.take(files(4));
    await eventually(() => expect(seen.filter((route) => route === 'POST /v1/images')).toHaveLength(3));
    for (const { key } of cards()) darkroom.uploads.dismiss(key);
    await stopped.promise;
    expect(cards()).toEqual([]);
    expect(seen.filter((route) => route === 'POST /v1/images')).toHaveLength(3);
  });
});

describe('a followed picture', () => {
  test('shows what its events tell, and at the end what it says itself', async () => {
    let tell: ((text: string) => void) | undefined;
    const { darkroom, cards } = await start({
      'GET /v1/images': (_, response) => json(response, 200, { images: [image('img_0', 'pending')] }),
      'GET /v1/images/{id}/events': (_, response) => {
        response.writeHead(200, { 'content-type': 'text/event-stream' });
        tell = (text) => response.write(text);
        response.write(': open\n\n');
      },
      'GET /v1/images/{id}': (_, response) =>
        json(response, 200, { ...image('img_0', 'ready'), filename: 'read again' }),
    });
    await darkroom.open();
    await eventually(() => expect(tell).toBeDefined());
    const data = { renditionId: 'ren_img_0', format: 'jpeg', width: 9, height: 8, bytes: 7, renderMs: 6 };
    tell?.(event('img_0', 'rendition.ready', data));
    await eventually(() => expect(cards()[0]).toMatchObject({ image: { filename: 'read again' } }));
    expect(darkroom.store.state().said.text).toBe('read again: 1 ready.');
  });

  test('leaves the page when it is deleted elsewhere', async () => {
    const { darkroom, cards } = await start({
      'GET /v1/images': (_, response) => json(response, 200, { images: [image('img_0', 'pending')] }),
      'GET /v1/images/{id}/events': (_, response) => {
        response.writeHead(200, { 'content-type': 'text/event-stream' });
        response.write(event('img_0', 'image.deleted', {}));
      },
      'GET /v1/images/{id}': (_, response) => json(response, 410, { code: 'image_gone', title: 'T', status: 410 }),
    });
    await darkroom.open();
    await eventually(() => expect(cards()).toEqual([]));
  });

  test('at most two hold a connection, and those that wait have their turn', async () => {
    const open: ServerResponse[] = [];
    let most = 0;
    const ids = ['img_0', 'img_1', 'img_2', 'img_3'];
    const { darkroom, cards } = await start({
      'GET /v1/images': (_, response) => json(response, 200, { images: ids.map((id) => image(id, 'pending')) }),
      'GET /v1/images/{id}/events': (_, response) => {
        open.push(response);
        most = Math.max(most, open.length);
        response.once('close', () => open.splice(open.indexOf(response), 1));
        response.writeHead(200, { 'content-type': 'text/event-stream' }).write(': open\n\n');
      },
      'GET /v1/images/{id}': (request, response) => json(response, 200, image(request.url?.slice(11) ?? '', 'ready')),
    });
    await darkroom.open();
    for (let ended = 0; ended < ids.length; ended++) {
      await eventually(() => expect(open.length).toBe(Math.min(2, ids.length - ended)));
      const id = ids[ended] ?? '';
      const cause = { code: 'c', message: 'm' };
      const told = event(id, 'rendition.failed', { renditionId: `ren_${id}`, transformation: 't', cause });
      for (const response of open) response.write(told);
      await eventually(() => expect(cards()[ended]).toMatchObject({ image: { renditions: [{ state: 'ready' }] } }));
    }
    expect(most).toBe(2);
  });
});

test('a session that has ended is opened anew, and the call that found out is made again', async () => {
  let sessions = 0;
  const { darkroom, cards } = await start({
    'POST /v1/session': (_, response) => {
      sessions++;
      json(response, 200, SESSION);
    },
    'POST /v1/images': (_, response) =>
      sessions < 2
        ? json(response, 401, { code: 'key_missing', title: 'T', status: 401 })
        : json(response, 202, image('img_0', 'ready')),
  });
  await darkroom.open();
  darkroom.uploads.take(files(1));
  await eventually(() => expect(cards()[0]?.step).toBe('accepted'));
  expect(sessions).toBe(2);
});

test('a service that is away is said to be so, and found again without a hand', async () => {
  let away = true;
  const { darkroom } = await start({
    'POST /v1/session': (_, response) =>
      away ? json(response, 503, { code: 'shutting_down', title: 'T', status: 503 }) : json(response, 200, SESSION),
  });
  await darkroom.open();
  expect(darkroom.store.state().lost?.text).toContain('restarting');
  away = false;
  await eventually(() => expect(darkroom.store.state()).toMatchObject({ lost: undefined, listed: true }));
});

test('a deletion that fails leaves the picture where it is; one that finds it gone takes it away', async () => {
  const answers: [number, string][] = [
    [503, 'database_unavailable'],
    [410, 'image_gone'],
  ];
  const { darkroom, cards } = await start({
    'GET /v1/images': (_, response) => json(response, 200, { images: [image('img_0', 'ready')] }),
    'DELETE /v1/images/{id}': (_, response) => {
      const [status, code] = answers.shift() ?? [500, 'internal'];
      json(response, status, { code, title: 'T', status });
    },
  });
  await darkroom.open();
  await darkroom.remove('img_0');
  expect(cards()[0]).toMatchObject({ deleting: false });
  expect(darkroom.store.state().said.text).toMatch(/^Not deleted\./);
  await darkroom.remove('img_0');
  expect(cards()).toEqual([]);
});
