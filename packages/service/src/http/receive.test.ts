import { createHash } from 'node:crypto';
import { once } from 'node:events';
import { createServer, type IncomingMessage } from 'node:http';
import { type AddressInfo, connect, type Socket } from 'node:net';
import { addAbortSignal, type Readable } from 'node:stream';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { FORM_TYPE, formBody } from '../../../../test/support/raw-http.ts';
import { until } from '../../../../test/support/until.ts';
import { systemClock } from '../core/clock.ts';
import type { ObjectDigest } from '../ports/object-store.ts';
import type { ProblemError } from './problem.ts';
import { PartialUploadError, receive } from './receive.ts';

const BYTES_MAX = 100_000;
const FORM_BYTES_MAX = BYTES_MAX + 64 * 1024;
const MINUTE_MS = 60_000;

const server = createServer();
let socket: Socket;
let aheadMs: number;
let stored: number;
/** How often the time was asked for. */
let looks: number;

beforeEach(async () => {
  await once(server.listen(0, '127.0.0.1'), 'listening');
  socket = connect((server.address() as AddressInfo).port, '127.0.0.1');
  // Whatever comes of the connection when the upload is refused is not the matter here.
  socket.on('error', () => undefined);
  [aheadMs, stored, looks] = [0, 0, 0];
});
afterEach(() => {
  socket.destroy();
  server.close();
});

async function put(source: Readable, signal: AbortSignal): Promise<ObjectDigest> {
  const hash = createHash('sha256');
  let bytes = 0;
  for await (const chunk of addAbortSignal(signal, source) as AsyncIterable<Buffer>) {
    hash.update(chunk);
    bytes += chunk.length;
  }
  stored += 1;
  return { bytes, sha256: hash.digest() };
}

/** Sends the head of a chunked form, and begins to receive it. @returns what it fails with. */
async function begin(): Promise<{ failing: Promise<unknown> }> {
  const asked = once(server, 'request');
  const chunked = `Content-Type: ${FORM_TYPE}\r\nTransfer-Encoding: chunked\r\n`;
  socket.write(`POST / HTTP/1.1\r\nHost: localhost\r\n${chunked}\r\n`);
  const [message] = (await asked) as [IncomingMessage];
  const monotonic = () => {
    looks += 1;
    return systemClock.monotonic() + aheadMs;
  };
  const clock = { ...systemClock, monotonic };
  const failing = receive(message, { clock, bytesMax: BYTES_MAX, idleMs: 60 * MINUTE_MS, rateMin: 0, put }).catch(
    (error: unknown) => error,
  );
  return { failing };
}

function send(body: Uint8Array): void {
  socket.write(`${body.length.toString(16)}\r\n`);
  socket.write(body);
  socket.write('\r\n');
}

const picture = () => formBody([{ name: 'image', filename: 'a.jpg', body: Buffer.alloc(50_000) }], false);
const more = () => formBody([{ name: 'other', filename: 'b.jpg', body: Buffer.alloc(50_000) }], false);

describe('a form without a Content-Length', () => {
  it('is bounded as a whole, also in the parts that nobody keeps', async () => {
    const { failing } = await begin();
    send(picture());
    send(more());
    send(more());
    send(more());
    const error = await failing;
    expect(error).toBeInstanceOf(PartialUploadError);
    const { code, options } = (error as PartialUploadError).cause as ProblemError;
    expect([code, options.bound?.name, options.bound?.limit]).toEqual([
      'upload_too_large',
      'uploadBytesMax',
      BYTES_MAX,
    ]);
    expect(options.bound?.actual).toBeGreaterThan(FORM_BYTES_MAX);
  });

  it('is bounded before its first part as well', async () => {
    const { failing } = await begin();
    send(Buffer.alloc(FORM_BYTES_MAX + 1, 'x'));
    expect(((await failing) as ProblemError).code).toBe('upload_too_large');
  });

  it('may last a quarter of an hour in all, however steadily it comes', async () => {
    const { failing } = await begin();
    let isOver = false;
    failing.then(() => {
      isOver = true;
    });
    send(picture().subarray(0, 20_000));
    aheadMs = 14 * MINUTE_MS;
    send(Buffer.alloc(1000));
    await new Promise((resolve) => setTimeout(resolve, 600));
    expect(isOver).toBe(false);
    aheadMs = 15 * MINUTE_MS;
    await until('it is ended', () => isOver);
    const { code, options } = (await failing) as ProblemError;
    expect([code, options.bound?.name]).toEqual(['upload_timeout', 'uploadMsMax']);
    expect(stored).toBe(0);
  });

  it('is not held against the client while this process itself stood still, such as on a suspended machine', async () => {
    const { failing } = await begin();
    send(formBody([{ name: 'image', filename: 'a.jpg', body: Buffer.alloc(1_000) }], false));
    aheadMs = 120 * MINUTE_MS;
    const seen = looks;
    await until('the pace has been looked at twice', () => looks >= seen + 2);
    send(formBody([]));
    socket.write('0\r\n\r\n');
    expect(await failing).toMatchObject({ digest: { bytes: 1_000 }, filename: 'a.jpg' });
  });
});
