import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterEach, describe, expect, test } from 'vitest';
import { type ClientOptions, createClient, type SafelightClient, SafelightError } from './index.ts';

interface Seen {
  readonly method: string;
  readonly url: string;
  readonly headers: IncomingMessage['headers'];
  readonly body: Buffer;
}

type Answer = (request: Seen, response: ServerResponse) => void;

const servers = new Set<Server>();

afterEach(async () => {
  for (const server of servers) {
    server.closeAllConnections();
    await new Promise((resolve) => server.close(resolve));
  }
  servers.clear();
});

/** A real server that answers request after request by the given answers, the last one for ever. */
async function start(answers: Answer[], options: Partial<ClientOptions> = {}) {
  const seen: Seen[] = [];
  const server = createServer(async (request, response) => {
    const chunks: Buffer[] = [];
    for await (const chunk of request) chunks.push(chunk);
    const one = {
      method: request.method ?? '',
      url: request.url ?? '',
      headers: request.headers,
      body: Buffer.concat(chunks),
    };
    seen.push(one);
    answers[Math.min(seen.length, answers.length) - 1]?.(one, response);
  });
  servers.add(server);
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const baseUrl = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  const client: SafelightClient = createClient({ baseUrl, key: 'k1', retry: { backoffMs: 1 }, ...options });
  return { client, seen, baseUrl };
}

const answerJson =
  (status: number, value: unknown, headers: Record<string, string> = {}): Answer =>
  (_, response) => {
    response.writeHead(status, { 'content-type': 'application/json', ...headers }).end(JSON.stringify(value));
  };
const problem = (status: number, code: string, more: object = {}, headers: Record<string, string> = {}): Answer =>
  answerJson(status, { type: 'about:blank', title: 'T', status, code, ...more }, headers);
const image = answerJson(202, { id: 'img_1' });

async function failure(work: Promise<unknown>): Promise<SafelightError> {
  const error = await work.then(
    () => undefined,
    (reason: unknown) => reason,
  );
  expect(error).toBeInstanceOf(SafelightError);
  return error as SafelightError;
}

describe('sending an image', () => {
  test('carries the key, the name, the tags and an idempotency key of its own', async () => {
    const { client, seen } = await start([image]);
    const bytes = new Uint8Array([1, 2, 3]);
    expect(await client.images.create(bytes, { filename: 'ä b.jpg', tags: ['x', 'y'], wait: 5 })).toEqual({
      id: 'img_1',
    });
    await client.images.create(bytes);
    expect(seen[0]?.url).toBe('/v1/images?filename=%C3%A4+b.jpg&tags=x%2Cy&wait=5');
    expect(seen[0]?.headers).toMatchObject({ authorization: 'Bearer k1', 'content-type': 'application/octet-stream' });
    expect(seen[0]?.body).toEqual(Buffer.from(bytes));
    expect(seen[0]?.headers['idempotency-key']).toMatch(/^[0-9a-f]{32}$/);
    expect(seen[1]?.headers['idempotency-key']).not.toBe(seen[0]?.headers['idempotency-key']);
  });

  test('takes blobs with their type, files with their name, forms, web streams and what can be iterated', async () => {
    const { client, seen } = await start([image]);
    const form = new FormData();
    form.set('image', new Blob(['abc']), 'in-form.png');
    await client.images.create(new Blob(['abc'], { type: 'image/png' }));
    await client.images.create(new File(['abc'], 'named.png', { type: 'image/png' }));
    await client.images.create(form, { filename: 'ignored' });
    await client.images.create(new Blob(['abc']).stream());
    await client.images.create(
      (async function* () {
        yield new Uint8Array([97]);
        yield new Uint8Array([98, 99]);
      })(),
    );
    expect(seen[0]?.headers['content-type']).toBe('image/png');
    expect(seen[1]?.url).toBe('/v1/images?filename=named.png');
    expect(seen[2]?.headers['content-type']).toMatch(/^multipart\/form-data; boundary=/);
    expect(seen[2]?.url).toBe('/v1/images');
    expect(seen[2]?.body.toString()).toContain('in-form.png');
    expect([seen[3], seen[4]].map((one) => one?.body.toString())).toEqual(['abc', 'abc']);
  });

  test('repeats under the same idempotency key while the answer says that it may pass', async () => {
    const { client, seen } = await start([
      problem(503, 'overloaded', {}, { 'retry-after': '0' }),
      (_, response) => response.socket?.destroy(),
      problem(409, 'idempotency_key_in_use', {}, { 'retry-after': '0' }),
      image,
    ]);
    await client.images.create(new Blob(['abc']));
    expect(seen).toHaveLength(4);
    expect(new Set(seen.map((one) => one.headers['idempotency-key'])).size).toBe(1);
    expect(seen[3]?.body.toString()).toBe('abc');
  });

  test('never repeats a stream, of which the first half is gone', async () => {
    const { client, seen } = await start([problem(503, 'overloaded', {}, { 'retry-after': '0' }), image]);
    expect((await failure(client.images.create(new Blob(['abc']).stream()))).code).toBe('overloaded');
    expect(seen).toHaveLength(1);
  });

  test('tells how many bytes went out, up to all of them', async () => {
    const { client, seen } = await start([image]);
    const told: number[] = [];
    const bytes = new Uint8Array(300_000);
    await client.images.create(bytes, { onProgress: ({ bytesSent }) => told.push(bytesSent) });
    expect(seen[0]?.body.length).toBe(300_000);
    expect(told.length).toBeGreaterThan(2);
    expect(told.at(-1)).toBe(300_000);
    expect(told).toEqual([...told].sort((a, b) => a - b));
  });
});

describe('a refusal', () => {
  test('becomes an error with code, status, detail, bound, cause, request and waiting time', async () => {
    const more = {
      detail: 'It has 70 MiB.',
      bound: { name: 'uploadBytesMax', limit: 5, actual: 7 },
      cause: { code: 'c', message: 'm' },
    };
    const { client, seen } = await start([problem(413, 'upload_too_large', more, { 'x-request-id': 'req_1' })]);
    const error = await failure(client.images.create(new Uint8Array(7)));
    expect(error).toMatchObject({
      code: 'upload_too_large',
      status: 413,
      detail: 'It has 70 MiB.',
      message: 'It has 70 MiB.',
      bound: more.bound,
      problemCause: more.cause,
      requestId: 'req_1',
      retryAfter: undefined,
    });
    expect(seen).toHaveLength(1);
  });

  test('that waits longer than the budget is given back at once with its waiting time', async () => {
    const { client, seen } = await start([problem(429, 'rate_limited', {}, { 'retry-after': '3600' })]);
    expect(await failure(client.images.get('img_1'))).toMatchObject({ code: 'rate_limited', retryAfter: 3600 });
    expect(seen).toHaveLength(1);
  });

  test('is repeated no more often than the budget says', async () => {
    const { client, seen } = await start([problem(503, 'overloaded')], { retry: { backoffMs: 1, retriesMax: 2 } });
    await failure(client.images.get('img_1'));
    expect(seen).toHaveLength(3);
  });

  test('waits as long as Retry-After asks, also when it is a date', async () => {
    const date = new Date(1_700_000_000_000).toUTCString();
    const later = new Date(1_700_000_001_000).toUTCString();
    const { client } = await start([problem(503, 'overloaded', {}, { date, 'retry-after': later }), image]);
    const started = performance.now();
    await client.images.get('img_1');
    expect(performance.now() - started).toBeGreaterThanOrEqual(990);
  });

  test('by something that is not Safelight is named as such', async () => {
    const { client } = await start([(_, response) => response.writeHead(404).end('<h1>nginx</h1>')]);
    expect(await failure(client.images.get('img_1'))).toMatchObject({ code: 'answer_unreadable', status: 404 });
  });

  test('by nobody at all is `unreachable`, and an abort is the reason of its signal', async () => {
    const { client } = await start([() => undefined], { retry: { retriesMax: 0 } });
    const aborted = new AbortController();
    const waiting = client.images.get('img_1', { signal: aborted.signal });
    aborted.abort(new Error('enough'));
    await expect(waiting).rejects.toThrow('enough');
    const nobody = createClient({ baseUrl: 'http://127.0.0.1:1', retry: { retriesMax: 0 } });
    expect(await failure(nobody.images.get('img_1'))).toMatchObject({ code: 'unreachable', status: 0 });
  });

  test('an abort also ends the wait between attempts', async () => {
    const aborter = new AbortController();
    const refuse: Answer = (request, response) => {
      // Once the refusal is out, the client waits for twenty seconds.
      response.once('finish', () => setTimeout(() => aborter.abort(new Error('no longer wanted')), 50));
      problem(503, 'overloaded', {}, { 'retry-after': '20' })(request, response);
    };
    const { client, seen } = await start([refuse]);
    await expect(client.images.get('img_1', { signal: aborter.signal })).rejects.toThrow('no longer wanted');
    expect(seen).toHaveLength(1);
  });
});

describe('a list', () => {
  const pages: Answer = (request, response) => {
    const after = new URL(request.url, 'http://x').searchParams.get('after');
    answerJson(200, after ? { images: [{ id: 'c' }] } : { images: [{ id: 'a' }, { id: 'b' }], next: 'n1' })(
      request,
      response,
    );
  };

  test('is one page when awaited and every image when iterated', async () => {
    const { client, seen } = await start([pages]);
    expect(await client.images.list({ limit: 2, tag: 't' })).toEqual({
      images: [{ id: 'a' }, { id: 'b' }],
      next: 'n1',
    });
    expect(seen[0]?.url).toBe('/v1/images?limit=2&tag=t');
    const ids: string[] = [];
    for await (const { id } of client.images.list()) ids.push(id);
    expect(ids).toEqual(['a', 'b', 'c']);
    expect(seen).toHaveLength(3);
  });

  test('does not fetch a page that nobody comes to', async () => {
    const { client, seen } = await start([pages]);
    for await (const _ of client.images.list()) break;
    expect(seen).toHaveLength(1);
  });
});

test('an id is data, never path', async () => {
  const { client, seen } = await start([answerJson(200, {})]);
  await client.images.delete('../keys?x');
  expect(seen[0]).toMatchObject({ method: 'DELETE', url: '/v1/images/..%2Fkeys%3Fx' });
});

test('an explanation is asked for by the transformation, in canonical form', async () => {
  const { client, seen } = await start([answerJson(200, { transformation: 'w=9' }), problem(404, 'image_not_found')]);
  expect(await client.images.explain('img_1', { w: 9, rect: { x: 1, y: 2, width: 3, height: 4 } })).toEqual({
    transformation: 'w=9',
  });
  const { pathname, searchParams } = new URL(seen[0]?.url ?? '', 'http://x');
  expect(pathname).toBe('/v1/images/img_1/explain');
  expect(Object.fromEntries(searchParams)).toEqual({ fit: 'max', rect: '1,2,3,4', w: '9' });
  expect((await failure(client.images.explain('img_2', {}))).code).toBe('image_not_found');
});

test('a base address may have a path of its own', async () => {
  const { seen, baseUrl } = await start([answerJson(200, {})]);
  await createClient({ baseUrl: `${baseUrl}/safelight/` }).openSession();
  expect(seen[0]).toMatchObject({ method: 'POST', url: '/safelight/v1/session' });
  expect(seen[0]?.headers.authorization).toBeUndefined();
});

describe('following an image', () => {
  const stream = (text: string, end: (response: ServerResponse) => void): Answer => {
    return (_, response) => {
      response.writeHead(200, { 'content-type': 'text/event-stream' });
      response.write(text, () => end(response));
    };
  };
  const event = (id: number, type: string) => {
    const told = JSON.stringify({ type, subject: 'img_1', imageId: 'img_1', at: 't', data: { n: id } });
    return `id: ${id}\nevent: ${type}\ndata: ${told}\n\n`;
  };
  const told = (id: number, type: string) => ({
    id: String(id),
    type,
    subject: 'img_1',
    imageId: 'img_1',
    at: 't',
    data: { n: id },
  });
  const retry = 'retry: 1\n\n';

  test('goes on behind the last event when the connection breaks, and ends with the deletion', async () => {
    const { client, seen } = await start([
      stream(retry + event(4, 'image.accepted') + event(9, 'rendition.ready'), (response) =>
        response.socket?.destroy(),
      ),
      problem(503, 'database_unavailable', {}, { 'retry-after': '0' }),
      stream(`${retry}: ping\n\n`, (response) => response.end()),
      stream(event(12, 'image.deleted'), () => undefined),
    ]);
    const heard: unknown[] = [];
    for await (const one of client.images.follow('img_1')) heard.push(one);
    expect(heard).toEqual([told(4, 'image.accepted'), told(9, 'rendition.ready'), told(12, 'image.deleted')]);
    expect(seen.map((one) => one.headers['last-event-id'])).toEqual([undefined, '9', '9', '9']);
    expect(seen[0]?.headers).toMatchObject({ accept: 'text/event-stream', authorization: 'Bearer k1' });
  });

  test('starts behind the event that the caller has seen', async () => {
    const { client, seen } = await start([stream(event(12, 'image.deleted'), () => undefined)]);
    for await (const _ of client.images.follow('img_1', { after: '11' }));
    expect(seen[0]?.headers['last-event-id']).toBe('11');
  });

  test('closes the connection when the follower stops', async () => {
    const closed = Promise.withResolvers<void>();
    const { client } = await start([
      (_, response) => {
        response.on('close', closed.resolve);
        response.writeHead(200, { 'content-type': 'text/event-stream' }).write(event(1, 'image.accepted'));
      },
    ]);
    for await (const _ of client.images.follow('img_1')) break;
    await closed.promise;
  });

  test('ends with the reason of its signal, also while it waits', async () => {
    const { client } = await start([stream(event(1, 'image.accepted'), () => undefined)]);
    const abort = new AbortController();
    const follow = async () => {
      for await (const _ of client.images.follow('img_1', { signal: abort.signal })) abort.abort(new Error('enough'));
    };
    await expect(follow()).rejects.toThrow('enough');
  });

  test('rejects with what the service says about an image that is gone, and with what is no event stream', async () => {
    const { client } = await start([problem(410, 'image_gone'), answerJson(200, {})]);
    const first = async () => {
      for await (const _ of client.images.follow('img_1'));
    };
    expect((await failure(first())).code).toBe('image_gone');
    expect((await failure(first())).code).toBe('answer_unreadable');
  });
});

describe('what a client has seen', () => {
  const [early, late] = ['000000010000000000000009', '00000001000000000000000A'];
  const seenAs = (position: string) => answerJson(200, { id: 'img_1', images: [] }, { 'safelight-position': position });
  const told = (seen: Seen[]) =>
    seen.map(({ headers }) => [headers['safelight-position'] ?? '', headers.consistency ?? '']);

  test('is sent along from then on, so that no node shows it anything older', async () => {
    const { client, seen } = await start([seenAs(late), seenAs(early), seenAs(early)]);
    await client.images.get('img_1');
    await client.images.list();
    await client.images.get('img_1', { consistency: 'strong' });
    await client.images.list({ consistency: 'strong' });
    expect(told(seen)).toEqual([
      ['', ''],
      [late, ''],
      [late, 'strong'],
      [late, 'strong'],
    ]);
    expect(seen[3]?.url).toBe('/v1/images');
  });

  test('in an event has the next answer show everything', async () => {
    const { client, seen } = await start([
      seenAs(early),
      (_, response) => {
        response.writeHead(200, { 'content-type': 'text/event-stream' });
        response.write('id: 1\nevent: rendition.ready\ndata: {"type":"rendition.ready"}\n\n');
      },
      seenAs(late),
    ]);
    await client.images.get('img_1');
    for await (const _ of client.images.follow('img_1')) break;
    await client.images.get('img_1');
    await client.images.get('img_1');
    expect(told(seen).slice(2)).toEqual([
      [early, 'strong'],
      [late, ''],
    ]);
  });
});
