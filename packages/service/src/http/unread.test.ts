import { once } from 'node:events';
import { createServer, type ServerResponse } from 'node:http';
import { type AddressInfo, connect, type Socket } from 'node:net';
import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterEach, expect, it } from 'vitest';
import { endWhenUnread } from './unread.ts';

/** More than the buffers of both ends take. */
const BYTES = 64 * 1024 * 1024;
const UNREAD_MS_MAX = 500;

const server = createServer((_request, answer) => {
  endWhenUnread(answer, UNREAD_MS_MAX);
  answer.setHeader('content-length', BYTES);
  const chunk = Buffer.alloc(1024 * 1024);
  const chunks = Array.from({ length: BYTES / chunk.length }, () => chunk);
  pipeline(Readable.from(chunks), answer).catch(() => undefined);
});
const sockets: Socket[] = [];
afterEach(() => {
  for (const socket of sockets) socket.destroy();
  server.close();
});

async function ask(): Promise<{ socket: Socket; answer: ServerResponse }> {
  if (!server.listening) await once(server.listen(0, '127.0.0.1'), 'listening');
  const socket = connect((server.address() as AddressInfo).port, '127.0.0.1').pause();
  sockets.push(socket);
  const asked = once(server, 'request');
  socket.write('GET / HTTP/1.1\r\nHost: localhost\r\n\r\n');
  const [, answer] = (await asked) as [unknown, ServerResponse];
  return { socket, answer };
}

it('an answer that nobody reads is ended; one that is read slowly is not', async () => {
  const [stalled, slow] = [await ask(), await ask()];
  const ended = once(stalled.answer, 'close');
  let bytes = 0;
  // A megabyte at a time, with pauses that together last much longer than one may.
  slow.socket.on('data', (chunk) => {
    bytes += chunk.length;
    if (bytes % (1024 * 1024) > chunk.length) return;
    slow.socket.pause();
    sleep(UNREAD_MS_MAX / 10).then(() => slow.socket.resume());
  });
  slow.socket.resume();
  await ended;
  expect(stalled.answer.writableFinished).toBe(false);
  await once(slow.answer, 'finish');
  expect(slow.answer.writableFinished).toBe(true);
}, 30_000);
