import { once } from 'node:events';
import { PRESETS } from '@safelight/contract';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { expectBound, expectProblem, expectUrls, imageIdOf, sendImage } from '../support/answers.ts';
import { smallPhoto, unlike } from '../support/pictures.ts';
import { connectTo, exchange, FORM_TYPE, formBody, readAnswer } from '../support/raw-http.ts';
import { Safelight } from '../support/safelight.ts';

const UPLOAD_BYTES_MAX = 3 * 1024 * 1024;

let node: Safelight;
let photo: Buffer;

beforeAll(async () => {
  photo = await smallPhoto();
  node = await Safelight.start({
    env: { SAFELIGHT_UPLOAD_BYTES_MAX: String(UPLOAD_BYTES_MAX), SAFELIGHT_PIXELS_MAX: '400000' },
  });
});
afterAll(() => node.close());

/** The head of a request that sends a form of `length` bytes, or an unknown number of them. */
function head(length: number | 'chunked', more = '', version = '1.1', type = FORM_TYPE): string {
  const host = version === '1.0' ? '' : `Host: ${new URL(node.url).host}\r\n`;
  const size = length === 'chunked' ? 'Transfer-Encoding: chunked' : `Content-Length: ${length}`;
  return `POST / HTTP/${version}\r\n${host}Content-Type: ${type}\r\n${size}\r\n${more}\r\n`;
}

const imagePart = (body: Uint8Array | string, headers = {}) => ({ name: 'image', filename: 'a.jpg', headers, body });

async function post(body: BodyInit | null, headers: Record<string, string> = {}): Promise<Response> {
  return fetch(`${node.url}/`, { method: 'POST', body, headers });
}

describe('an upload as the exercise asks for it', () => {
  it('answers 202 with four absolute URLs, each of which answers 200 with its picture', async () => {
    const response = await node.upload(photo);
    const urls = await expectUrls(response);
    expect(response.headers.get('cache-control')).toBe('no-store');
    for (const [name, url] of Object.entries(urls)) {
      const delivered = await fetch(url);
      expect({ name, status: delivered.status, type: delivered.headers.get('content-type') }).toEqual({
        name,
        status: 200,
        type: 'image/jpeg',
      });
      const bytes = Buffer.from(await delivered.arrayBuffer());
      if (name === 'original') expect(bytes.equals(photo)).toBe(true);
      else expect(bytes.subarray(0, 2).toString('hex')).toBe('ffd8');
    }
  });

  it('answers different pictures at the different sizes', async () => {
    const urls = await expectUrls(await node.upload(unlike(photo)));
    const lengths: number[] = [];
    for (const preset of Object.keys(PRESETS) as (keyof typeof PRESETS)[]) {
      lengths.push((await (await fetch(urls[preset])).arrayBuffer()).byteLength);
    }
    expect(lengths).toEqual([...lengths].sort((a, b) => a - b));
    expect(new Set(lengths).size).toBe(lengths.length);
  });

  it('makes two images of the same bytes', async () => {
    const [first, second] = [await node.upload(photo), await node.upload(photo)];
    expect(imageIdOf((await expectUrls(first)).small)).not.toBe(imageIdOf((await expectUrls(second)).small));
  });

  it('works without an Accept header, and with a Content-Length inside the part', async () => {
    const body = formBody([imagePart(unlike(photo), { 'Content-Length': String(photo.length + 16) })]);
    await expectUrls(await exchange(node.url, head(body.length, 'Connection: close\r\n'), body));
  });

  it('works for a client of HTTP/1.0', async () => {
    const body = formBody([imagePart(unlike(photo))]);
    const answer = await exchange(node.url, head(body.length, '', '1.0'), body);
    const { small } = await expectUrls(answer);
    expect(answer.headers.get('transfer-encoding')).toBeUndefined();
    expect((await fetch(small)).status).toBe(200);
  });

  it('works for a client that asks before it sends', async () => {
    const body = formBody([imagePart(unlike(photo))]);
    const socket = connectTo(node.url);
    socket.write(head(body.length, 'Expect: 100-continue\r\n'));
    const [said] = (await once(socket, 'data')) as [Buffer];
    expect(said.toString()).toMatch(/^HTTP\/1.1 100/);
    socket.write(body);
    await expectUrls(await readAnswer(socket));
  });

  it('finds the picture among other fields, in whatever order', async () => {
    const others = [
      { name: 'title', body: 'A bird' },
      { name: 'attachment', filename: 'b.txt', body: 'no picture' },
    ];
    const body = formBody([...others, imagePart(unlike(photo)), { name: 'late', body: 'field' }]);
    await expectUrls(await exchange(node.url, head(body.length, 'Connection: close\r\n'), body));
  });

  it.each(['application/json', 'application/*;q=0.1', '*/*', 'text/html, */*;q=0.1', ''])(
    'takes the Accept header `%s`, which leaves room for JSON',
    async (accept) => {
      const form = new FormData();
      form.set('image', new Blob([Uint8Array.from(photo)]), 'a.jpg');
      await expectUrls(await post(form, { accept }));
    },
  );
});

describe('the URL of an original', () => {
  it.each([
    ['without its signature', (url: URL) => url.searchParams.delete('s')],
    ['with a signature that was changed', (url: URL) => url.searchParams.set('s', 'A'.repeat(43))],
    ['with a signature that was cut', (url: URL) => url.searchParams.set('s', 'x')],
    [
      'with the signature of another image',
      (url: URL, other: URL) => url.searchParams.set('s', other.searchParams.get('s') ?? ''),
    ],
    ['of a tenant that does not exist', (url: URL) => (url.pathname = url.pathname.replace('/demo/', '/nobody/'))],
  ])('answers 403 %s', async (_, tamper) => {
    const url = new URL((await expectUrls(await node.upload(photo))).original);
    tamper(url, new URL((await expectUrls(await node.upload(photo))).original));
    await expectProblem(await fetch(url), 'signature_invalid');
  });
});

describe('a request that is no upload', () => {
  it.each(['PUT', 'DELETE', 'PATCH'])('answers 405 to %s and says what is allowed', async (method) => {
    const response = await fetch(`${node.url}/`, { method });
    expect(response.headers.get('allow')).toBe('GET, HEAD, POST');
    await expectProblem(response, 'method_not_allowed');
  });

  it('answers 406 when JSON is not acceptable, before it reads the body', async () => {
    await expectProblem(await post('x', { accept: 'text/html' }), 'not_acceptable');
    await expectProblem(await post('x', { accept: 'application/json;q=0, */*' }), 'not_acceptable');
  });

  it('answers 400 to a form without a picture', async () => {
    const form = new FormData();
    form.set('image', 'a text is no file');
    await expectProblem(await post(form), 'image_missing');
    await expectProblem(await post(new FormData()), 'image_missing');
    const elsewhere = formBody([{ name: 'picture', filename: 'a.jpg', body: photo }]);
    await expectProblem(await post(elsewhere, { 'content-type': FORM_TYPE }), 'image_missing');
  });

  it.each([
    ['no body', null, {}],
    ['a raw picture', 'raw', { 'content-type': 'image/jpeg' }],
    ['JSON', '{}', { 'content-type': 'application/json' }],
    ['a form that tells no boundary', 'x', { 'content-type': 'multipart/form-data' }],
  ])('answers 400 to %s', async (_, body, headers) => {
    await expectProblem(await post(body, headers), 'image_missing');
  });

  it('answers 400 to a form that ends before its end', async () => {
    const cut = formBody([imagePart(photo)], false);
    await expectProblem(await post(cut, { 'content-type': FORM_TYPE }), 'upload_incomplete');
  });

  it('answers 400 to a text that is called .jpg, and to an empty file', async () => {
    await expectProblem(await node.upload(Buffer.from('Once upon a time'), 'story.jpg'), 'image_invalid');
    await expectProblem(await node.upload(Buffer.alloc(0), 'empty.jpg'), 'image_invalid');
  });

  it.each(['/%zz', '/i/demo/%ff/small', '/nothing', '/v1/nothing', `/v1/images/${'x'.repeat(300)}`, '/i/demo/a/b/c'])(
    'answers a problem of the catalogue at %s',
    async (path) => {
      const answer = await exchange(
        node.url,
        `GET ${path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\nAuthorization: Bearer x\r\n\r\n`,
      );
      await expectProblem(answer, path.includes('%') ? 'request_invalid' : 'route_not_found');
    },
  );

  it('ends a connection whose headers do not come within ten seconds', async () => {
    const socket = connectTo(node.url);
    const startedAt = performance.now();
    socket.write('GET / HTTP/1.1\r\nHost: localhost\r\n');
    await expectProblem(await readAnswer(socket), 'overloaded');
    expect(performance.now() - startedAt).toBeLessThan(15_000);
  }, 45_000);

  it('ends a connection with a body that nobody reads, after the answer', async () => {
    for (const request of ['POST /v1/session', 'GET /healthz', 'DELETE /v1/images/x']) {
      const socket = connectTo(node.url);
      const { host } = new URL(node.url);
      socket.write(`${request} HTTP/1.1\r\nHost: ${host}\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n`);
      const ended = once(socket, 'end');
      const chunks: Buffer[] = [];
      socket.on('data', (chunk) => chunks.push(chunk));
      await ended;
      expect(Buffer.concat(chunks).toString().toLowerCase()).toContain('connection: close');
      socket.destroy();
    }
  });

  it('answers a problem even to what is not HTTP', async () => {
    await expectProblem(await exchange(node.url, 'HELLO\r\n\r\n'), 'request_invalid');
    const long = `GET / HTTP/1.1\r\nHost: localhost\r\nX-Long: ${'x'.repeat(40_000)}\r\n\r\n`;
    await expectProblem(await exchange(node.url, long), 'request_invalid');
  });
});

describe('an upload over a bound', () => {
  const over = { name: 'uploadBytesMax', limit: UPLOAD_BYTES_MAX };

  it('answers 413 with the bound to a Content-Length that is too long, and the client receives it', async () => {
    const body = formBody([imagePart(Buffer.alloc(8 * 1024 * 1024))]);
    await expectBound(await exchange(node.url, head(body.length), body), 'upload_too_large', over);
    await expectBound(await post(body, { 'content-type': FORM_TYPE }), 'upload_too_large', over);
  });

  it('answers 413 with the bound while chunks still come, and the client receives it', async () => {
    const part = formBody([imagePart(Buffer.alloc(0))], false);
    const zeros = Buffer.alloc(64 * 1024);
    const chunk = (bytes: Buffer) => [`${bytes.length.toString(16)}\r\n`, bytes, '\r\n'];
    const chunks = Array.from({ length: 128 }, () => chunk(zeros)).flat();
    const answer = await exchange(node.url, head('chunked'), ...chunk(part), ...chunks, '0\r\n\r\n');
    await expectBound(answer, 'upload_too_large', over);
  });

  it('takes the last byte that is allowed, and not one more', async () => {
    const fits = Buffer.concat([photo, Buffer.alloc(UPLOAD_BYTES_MAX - photo.length)]);
    await expectUrls(await node.upload(fits));
    await expectBound(await node.upload(Buffer.concat([fits, Buffer.alloc(1)])), 'upload_too_large', over);
    await expectBound(await sendImage(node, Buffer.concat([fits, Buffer.alloc(1)])), 'upload_too_large', over);
  });

  it('answers 413 with the bound to a picture of too many pixels', async () => {
    const { photo: paint } = await import('../../scripts/make-pictures.ts');
    const large = await paint(1000, 500).jpeg().toBuffer();
    const bound = { name: 'pixelsMax', limit: 400_000, actual: 500_000 };
    await expectBound(await node.upload(large), 'image_too_large', bound);
  });
});

describe('a page of somebody else in the same browser', () => {
  it('may not upload: a foreign Origin is refused', async () => {
    const body = formBody([imagePart(photo)]);
    for (const origin of ['https://evil.example', 'null', node.url.replace(/\d+$/, '1')]) {
      await expectProblem(await post(body, { 'content-type': FORM_TYPE, origin }), 'origin_refused');
    }
    const own = await post(body, { 'content-type': FORM_TYPE, origin: node.url });
    await expectUrls(own);
  });

  it('may not upload under a name of its own that leads here (DNS rebinding)', async () => {
    const body = formBody([imagePart(photo)]);
    const request = head(body.length, 'Connection: close\r\n').replace(/Host: \S+/, 'Host: evil.example');
    await expectProblem(await exchange(node.url, request, body), 'origin_refused');
    const session = 'POST /v1/session HTTP/1.1\r\nHost: evil.example\r\nContent-Length: 0\r\nConnection: close\r\n\r\n';
    await expectProblem(await exchange(node.url, session), 'origin_refused');
  });
});

describe('a node that is public to nobody', () => {
  it('refuses the upload, and opens no session', async () => {
    const closed = await Safelight.start({ env: { SAFELIGHT_PUBLIC_TENANT: 'none', SAFELIGHT_ROLES: 'api' } });
    await expectProblem(await closed.upload(photo), 'key_missing');
    await expectProblem(await fetch(`${closed.url}/v1/session`, { method: 'POST' }), 'route_not_found');
    expect((await sendImage(closed, photo)).status).toBe(202);
    await closed.close();
  });
});
