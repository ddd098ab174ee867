import type { Socket } from 'node:net';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { expectImage, expectProblem, sendImage } from '../support/answers.ts';
import { keyOf, withNodeDatabase } from '../support/node-database.ts';
import { smallPhoto, unlike } from '../support/pictures.ts';
import { connectTo, exchange, FORM_TYPE, formBody, readAnswer } from '../support/raw-http.ts';
import { Safelight } from '../support/safelight.ts';
import { until } from '../support/until.ts';

let node: Safelight;
let photo: Buffer;

beforeAll(async () => {
  photo = await smallPhoto();
  node = await Safelight.start({ env: { SAFELIGHT_UPLOAD_IDLE_SECONDS: '2' } });
  // From here on its renditions stand, so that every upload of it is answered by 201.
  await expectImage(await sendImage(node, photo, '?wait=30'));
});
afterAll(() => node.close());

const send = (key: string, bytes: Uint8Array = photo, query = '', headers = {}) =>
  sendImage(node, bytes, query, { headers: { 'idempotency-key': key, ...headers } });

async function imagesCount(): Promise<number> {
  return withNodeDatabase(node, async (database) => {
    const [row] = await database.query<{ count: number }>('SELECT count(*) FROM images');
    return row?.count ?? Number.NaN;
  });
}

/** A request that has told its key and sent half of its picture. */
async function sendHalf(key: string): Promise<Socket> {
  const socket = connectTo(node.url);
  socket.write(
    `POST /v1/images HTTP/1.1\r\nHost: ${new URL(node.url).host}\r\nContent-Type: image/jpeg\r\n` +
      `Authorization: Bearer ${await node.demoKey()}\r\nIdempotency-Key: ${key}\r\nConnection: close\r\n` +
      `Content-Length: ${photo.length}\r\n\r\n`,
  );
  socket.write(photo.subarray(0, photo.length / 2));
  await until('the key is taken', () =>
    withNodeDatabase(node, async (database) => {
      const rows = await database.query('SELECT FROM idempotency_keys WHERE idempotency_key = $1', [key]);
      return rows.length === 1;
    }),
  );
  return socket;
}

describe('a repeat with the same Idempotency-Key', () => {
  it('gets the first answer, and makes no second image', async () => {
    const first = await send('once');
    const image = await expectImage(first);
    const before = await imagesCount();
    for (let repeat = 0; repeat < 3; repeat += 1) {
      const again = await send('once');
      expect(again.status).toBe(first.status);
      expect(again.headers.get('idempotency-replayed')).toBe('true');
      expect(again.headers.get('location')).toBe(first.headers.get('location'));
      expect(await expectImage(again)).toEqual(image);
    }
    expect(await imagesCount()).toBe(before);
  });

  it('gets what the first was told after its wait, status and all', async () => {
    const bytes = unlike(photo);
    const first = await send('waited', bytes, '?wait=30');
    expect(first.status).toBe(201);
    const image = await expectImage(first);
    const again = await send('waited', bytes, '?wait=30');
    expect(again.status).toBe(201);
    expect(await expectImage(again)).toEqual(image);
  });

  it('makes one image however many are sent at once: the others are told to wait', async () => {
    const before = await imagesCount();
    const answers = await Promise.all(Array.from({ length: 8 }, () => send('burst')));
    const ids = new Set<string>();
    for (const answer of answers) {
      if (answer.ok) ids.add((await expectImage(answer)).id);
      else await expectProblem(answer, 'idempotency_key_in_use');
    }
    expect(ids.size).toBe(1);
    expect(await imagesCount()).toBe(before + 1);
  });

  it('answers 409 with Retry-After while the first is still running', async () => {
    const socket = await sendHalf('running');
    const second = await send('running');
    expect(Number(second.headers.get('retry-after'))).toBeGreaterThan(0);
    await expectProblem(second, 'idempotency_key_in_use');
    socket.write(photo.subarray(photo.length / 2));
    const { status, body } = await readAnswer(socket);
    expect(status).toBe(201);
    expect((await expectImage(await send('running'))).id).toBe(JSON.parse(body.toString()).id);
  });

  it('answers 422 when it is another request: other bytes, another name, other tags, another query', async () => {
    await expectImage(await send('taken'));
    await expectProblem(await send('taken', unlike(photo)), 'idempotency_key_reused');
    await expectProblem(await send('taken', photo, '?filename=b.jpg'), 'idempotency_key_reused');
    await expectProblem(await send('taken', photo, '?tags=other'), 'idempotency_key_reused');
    const body = formBody([{ name: 'image', filename: 'a.jpg', body: photo }]);
    const headers = { 'idempotency-key': 'taken', 'content-type': FORM_TYPE };
    await expectProblem(await node.fetch('/v1/images', { method: 'POST', body, headers }), 'idempotency_key_reused');
  });

  it('takes the same form for the same, whatever its boundary', async () => {
    const form = () => {
      const data = new FormData();
      data.set('image', new Blob([Uint8Array.from(photo)]), 'a.jpg');
      data.set('tags', 'x');
      return { method: 'POST', body: data, headers: { 'idempotency-key': 'forms' } };
    };
    const first = await expectImage(await node.fetch('/v1/images', form()));
    expect((await expectImage(await node.fetch('/v1/images', form()))).id).toBe(first.id);
  });

  it('is another request when another tenant sends it', async () => {
    const neighbour = await keyOf(node, 'neighbour');
    const ours = await expectImage(await send('shared'));
    const theirs = await send('shared', unlike(photo), '', neighbour);
    expect(theirs.headers.get('idempotency-replayed')).toBeNull();
    expect((await expectImage(theirs)).id).not.toBe(ours.id);
  });
});

describe('a key whose request failed', () => {
  it('is given back: the repeat may succeed', async () => {
    await expectProblem(await send('second-try', Buffer.from('no picture')), 'image_invalid');
    expect((await send('second-try')).headers.get('idempotency-replayed')).toBeNull();
    await expectImage(await send('second-try'));
  });

  it('is given back when the client went away half-way', async () => {
    const socket = await sendHalf('gone');
    socket.destroy();
    await until('the key is free', async () => (await send('gone')).ok, 5_000);
  });

  it('is given back when the client came too slowly', async () => {
    const socket = await sendHalf('slow');
    await expectProblem(await readAnswer(socket), 'upload_timeout');
    await expectImage(await send('slow'));
  });
});

describe('the repeat of an answered request', () => {
  it('is held to the same bounds of time as the first was', async () => {
    await expectImage(await send('again'));
    const socket = await sendHalf('again');
    await expectProblem(await readAnswer(socket), 'upload_timeout');
    const form = connectTo(node.url);
    const body = formBody([{ name: 'image', filename: 'a.jpg', body: photo }]);
    form.write(
      `POST /v1/images HTTP/1.1\r\nHost: localhost\r\nContent-Type: ${FORM_TYPE}\r\nIdempotency-Key: again\r\n` +
        `Authorization: Bearer ${await node.demoKey()}\r\nContent-Length: ${body.length}\r\n\r\n`,
    );
    form.write(body.subarray(0, 2_000));
    await expectProblem(await readAnswer(form), 'upload_timeout');
  });

  it('is held to the same bound of bytes, and is told so', async () => {
    await expectImage(await send('large'));
    const head =
      `POST /v1/images HTTP/1.1\r\nHost: localhost\r\nContent-Type: image/jpeg\r\nIdempotency-Key: large\r\n` +
      `Authorization: Bearer ${await node.demoKey()}\r\nTransfer-Encoding: chunked\r\n\r\n`;
    const chunk = Buffer.concat([Buffer.from('400000\r\n'), Buffer.alloc(4 * 1024 * 1024), Buffer.from('\r\n')]);
    const chunks = Array.from({ length: 17 }, () => chunk);
    await expectProblem(await exchange(node.url, head, ...chunks, '0\r\n\r\n'), 'upload_too_large');
  });

  it('answers 400 to a key that is empty or too long', async () => {
    await expectProblem(await send('x'.repeat(256)), 'request_invalid');
    await expectProblem(await send(''), 'request_invalid');
  });
});
