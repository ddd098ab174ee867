import { PassThrough, Readable, Writable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { expect, it } from 'vitest';
import { systemClock } from '../core/clock.ts';
import { Pace, Paced, pacedBy } from './pace.ts';

const RATE = 400_000;

/** Sends so many bytes at the pace. @returns the milliseconds that it took. */
async function send(pace: Pace, bytes: number, onBytes: (count: number) => void = () => undefined): Promise<number> {
  const since = performance.now();
  const sink = new Writable({
    write: (chunk: Buffer, _encoding, done) => {
      onBytes(chunk.length);
      done();
    },
  });
  const source = Readable.from([Buffer.alloc(bytes)], { objectMode: false });
  await pipeline(pacedBy(new Paced(pace, systemClock), source), sink);
  return performance.now() - since;
}

it('bytes of a tenant take as long as its rate says, all its streams together', async () => {
  const pace = new Pace(systemClock, RATE);
  const since = performance.now();
  await Promise.all([send(pace, RATE / 2), send(pace, RATE / 2)]);
  const ms = performance.now() - since;
  // A quarter of a second's worth passes at once, and the last turn is not waited for.
  expect(ms).toBeGreaterThan(650);
  expect(ms).toBeLessThan(3_000);
});

it('a stream that comes later gets as much as one that has long been flowing', async () => {
  const pace = new Pace(systemClock, RATE);
  const got = [0, 0];
  const first = send(pace, RATE, (count) => {
    got[0] = (got[0] ?? 0) + count;
  });
  while ((got[0] ?? 0) < RATE / 2) await new Promise((resolve) => setTimeout(resolve, 5));
  const before = got[0] ?? 0;
  const second = send(pace, RATE / 4, (count) => {
    got[1] = (got[1] ?? 0) + count;
  });
  await second;
  const meanwhile = (got[0] ?? 0) - before;
  expect(meanwhile).toBeGreaterThan(RATE / 4 - 80_000);
  expect(meanwhile).toBeLessThan(RATE / 4 + 80_000);
  await first;
});

it('a pace that is lifted lets everything go, at any rate without a deep stack', async () => {
  const pace = new Pace(systemClock, 1);
  const sent = send(pace, 64 * 2 ** 20);
  pace.set(Number.MAX_SAFE_INTEGER);
  expect(await sent).toBeLessThan(5_000);
});

it('a stream that is given up leaves its turn to the others, and its source unharmed', async () => {
  const pace = new Pace(systemClock, 16_384);
  const source = new PassThrough();
  source.write(Buffer.alloc(1_000_000));
  const given = pacedBy(new Paced(pace, systemClock), source);
  given.resume();
  await new Promise((resolve) => setTimeout(resolve, 20));
  expect(given.heldMs).toBeGreaterThan(0);
  given.destroy();
  await new Promise((resolve) => given.once('close', resolve));
  expect(source.destroyed).toBe(false);
  pace.set(RATE);
  await send(pace, 100_000);
  expect(pace.takeDemand().bytes).toBeLessThan(200_000);
});
