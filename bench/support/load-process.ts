import { connect, type Socket } from 'node:net';
import { quantile } from './statistics.ts';

/**
 * A client that costs little beside the server that it measures: raw sockets, one request after the other on each, and
 * of an answer nothing is read but status and length. Started by `runLoad`, which tells the plan as JSON and reads the
 * outcome as JSON from standard output.
 */
export interface LoadPlan {
  /** Each connection walks through these, beginning at a place of its own. */
  readonly urls: readonly string[];
  readonly connections: number;
  /** No request begins after this time. */
  readonly ms: number;
  /** No more requests than this. */
  readonly requestsMax: number;
  /** Between an answer and the next request on its connection; 0 asks at once. */
  readonly pauseMs: number;
}

export interface LoadOutcome {
  readonly requests: number;
  readonly seconds: number;
  readonly bytes: number;
  /** Answers other than 200, and connections that broke. */
  readonly failures: number;
  /** Milliseconds from a request's last byte to its answer's last. */
  readonly ms: { readonly p50: number; readonly p99: number; readonly max: number };
}

const HEAD_END = Buffer.from('\r\n\r\n');
const LATENCIES_MAX = 2_000_000;

const plan = JSON.parse(process.argv[2] ?? '{}') as LoadPlan;
const requests = plan.urls.map((url) => {
  const { host, pathname, search } = new URL(url);
  return Buffer.from(`GET ${pathname}${search} HTTP/1.1\r\nHost: ${host}\r\nAccept: image/jpeg\r\n\r\n`);
});
const { hostname, port } = new URL(plan.urls[0] ?? '');
const latencies: number[] = [];
let begun = 0;
let bytes = 0;
let failures = 0;
const start = performance.now();
const until = start + plan.ms;
await Promise.all(Array.from({ length: plan.connections }, (_, index) => walk(index)));
const seconds = (performance.now() - start) / 1000;
const outcome: LoadOutcome = {
  requests: latencies.length,
  seconds,
  bytes,
  failures,
  ms: { p50: quantile(latencies, 0.5), p99: quantile(latencies, 0.99), max: quantile(latencies, 1) },
};
console.log(JSON.stringify(outcome));

/** One connection, until time or count are up. */
function walk(first: number): Promise<void> {
  const { promise, resolve } = Promise.withResolvers<void>();
  const socket: Socket = connect(Number(port), hostname);
  socket.setNoDelay(true);
  let turn = first;
  let sentAt = 0;
  /** Bytes of the answer that are still to come; undefined while its head is not complete. */
  let left: number | undefined;
  let head: Buffer | undefined;
  const send = () => {
    if (performance.now() >= until || begun >= plan.requestsMax || latencies.length >= LATENCIES_MAX) {
      socket.end();
      return;
    }
    begun += 1;
    sentAt = performance.now();
    left = undefined;
    head = undefined;
    socket.write(requests[turn % requests.length] ?? '');
    turn += 1;
  };
  const ended = () => {
    latencies.push(performance.now() - sentAt);
    if (plan.pauseMs > 0) setTimeout(send, plan.pauseMs);
    else send();
  };
  socket.on('connect', send);
  socket.on('data', (chunk) => {
    bytes += chunk.length;
    if (left === undefined) {
      const seen = head ? Buffer.concat([head, chunk]) : chunk;
      const end = seen.indexOf(HEAD_END);
      if (end < 0) {
        head = seen;
        return;
      }
      const text = seen.toString('latin1', 0, end);
      if (!text.startsWith('HTTP/1.1 200')) failures += 1;
      const length = /\r\ncontent-length: (\d+)/i.exec(text)?.[1];
      if (length === undefined) throw new Error(`an answer tells no length: ${text}`);
      left = Number(length) - (seen.length - end - HEAD_END.length);
    } else {
      left -= chunk.length;
    }
    if (left === 0) ended();
  });
  socket.on('error', () => {
    failures += 1;
  });
  socket.on('close', () => resolve());
  return promise;
}
