import { createHash } from 'node:crypto';
import { once } from 'node:events';
import { createServer, type IncomingMessage } from 'node:http';
import { type AddressInfo, connect } from 'node:net';
import type { Readable } from 'node:stream';
import { expect, it } from 'vitest';
import { FORM_TYPE, formBody } from '../../../../test/support/raw-http.ts';
import { until } from '../../../../test/support/until.ts';
import { systemClock } from '../core/clock.ts';
import type { ObjectDigest } from '../ports/object-store.ts';
import { receive } from './receive.ts';

const MIB = 2 ** 20;
const PICTURE_BYTES = 48 * MIB;
/** What streams and the parser of forms hold, with room to spare; that of kernels is no memory of ours. */
const HELD_BYTES_MAX = 5 * MIB;

const picture = Buffer.alloc(PICTURE_BYTES, 'p');

it.each([
  ['a body that is the picture', 'image/jpeg', picture],
  ['a form', FORM_TYPE, formBody([{ name: 'image', filename: 'a.jpg', body: picture }], true)],
])('%s is taken off the wire no faster than it is written away', async (_, type, body) => {
  const server = createServer();
  await once(server.listen(0, '127.0.0.1'), 'listening');
  const socket = connect((server.address() as AddressInfo).port, '127.0.0.1');
  const asked = once(server, 'request');
  socket.write(`POST / HTTP/1.1\r\nHost: x\r\nContent-Type: ${type}\r\nContent-Length: ${body.length}\r\n\r\n`);
  socket.write(body);
  const [message] = (await asked) as [IncomingMessage];
  const { promise: goOn, resolve } = Promise.withResolvers<void>();
  let written = 0;
  /** A disk that takes one piece and then hangs. */
  const put = async (source: Readable): Promise<ObjectDigest> => {
    const hash = createHash('sha256');
    for await (const chunk of source as AsyncIterable<Buffer>) {
      written += chunk.length;
      hash.update(chunk);
      await goOn;
    }
    return { bytes: written, sha256: hash.digest() };
  };
  const options = { clock: systemClock, bytesMax: PICTURE_BYTES, idleMs: 60_000, rateMin: 0, put };
  const received = receive(message, options);
  let before = -1;
  await until('nothing more is read', () => {
    const read = message.socket.bytesRead;
    const isStill = written > 0 && read === before;
    before = read;
    return isStill;
  });
  expect(message.socket.bytesRead).toBeLessThan(HELD_BYTES_MAX);
  // What is left waits with the client: kernels hold some megabytes each.
  expect(socket.writableLength).toBeGreaterThan(0);
  resolve();
  expect((await received).digest.bytes).toBe(PICTURE_BYTES);
  socket.destroy();
  server.close();
});
