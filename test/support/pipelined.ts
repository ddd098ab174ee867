import type { Socket } from 'node:net';
import { connectTo } from './raw-http.ts';

/** One answer of many. */
export interface PipelinedAnswer {
  readonly path: string;
  readonly status: number;
  readonly type: string;
  readonly body: Buffer;
}

const UNANSWERED_MAX = 32;

/**
 * Asks for every path over one connection that is kept alive, some requests ahead of their answers, and hands each
 * answer to `take`. The paths are written as they are: no library mends them.
 */
export async function getAll(
  url: string,
  paths: Iterable<string>,
  take: (answer: PipelinedAnswer) => void,
): Promise<void> {
  const asked: string[] = [];
  const rest = paths[Symbol.iterator]();
  let isAsking = true;
  while (isAsking || asked.length > 0) {
    const socket = connectTo(url);
    // What the last connection left unanswered is asked again.
    let buffered = Buffer.alloc(0);
    for (const path of asked) send(socket, path);
    const fill = () => {
      while (isAsking && asked.length < UNANSWERED_MAX) {
        const next = rest.next();
        isAsking = !next.done;
        if (next.done) break;
        asked.push(next.value);
        send(socket, next.value);
      }
      if (!isAsking && asked.length === 0) socket.end();
    };
    socket.on('connect', fill);
    socket.on('data', (chunk: Buffer) => {
      buffered = Buffer.concat([buffered, chunk]);
      for (let answer = readOne(buffered); answer; answer = readOne(buffered)) {
        buffered = buffered.subarray(answer.length);
        take({ ...answer, path: asked.shift() ?? '' });
      }
      fill();
    });
    // A connection that the server ends is followed by another.
    socket.on('error', () => undefined);
    await new Promise((resolve) => socket.once('close', resolve));
  }
}

function send(socket: Socket, path: string): void {
  socket.write(`GET ${path} HTTP/1.1\r\nhost: localhost\r\n\r\n`, 'latin1');
}

function readOne(bytes: Buffer) {
  const end = bytes.indexOf('\r\n\r\n');
  if (end < 0) return undefined;
  const head = bytes.toString('latin1', 0, end);
  const bodyLength = Number(/\r\ncontent-length: (\d+)/i.exec(head)?.[1] ?? 0);
  const length = end + 4 + bodyLength;
  if (bytes.length < length) return undefined;
  const type = /\r\ncontent-type: ([^\r]*)/i.exec(head)?.[1] ?? '';
  return { length, status: Number(head.slice(9, 12)), type, body: bytes.subarray(end + 4, length) };
}
