import { getEventListeners } from 'node:events';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { ByteSemaphore, TooManyWaitersError } from './byte-semaphore.ts';
import { InvariantError } from './invariant.ts';

describe('a semaphore by bytes', () => {
  it('admits at once what fits', async () => {
    const semaphore = new ByteSemaphore({ bytesMax: 100, waitersMax: 10 });
    await semaphore.acquire(60);
    await semaphore.acquire(40);
    expect(semaphore.bytesHeld).toBe(100);
    expect(semaphore.waiting).toBe(0);
  });

  it('makes one byte too many wait until room is given back', async () => {
    const semaphore = new ByteSemaphore({ bytesMax: 100, waitersMax: 10 });
    const release = await semaphore.acquire(100);
    const second = semaphore.acquire(1);
    expect(semaphore.waiting).toBe(1);
    release();
    await second;
    expect(semaphore.bytesHeld).toBe(1);
  });

  it('never lets a small request pass a big one that waits', async () => {
    const semaphore = new ByteSemaphore({ bytesMax: 100, waitersMax: 10 });
    const order: string[] = [];
    const release = await semaphore.acquire(50);
    const big = semaphore.acquire(80).then((giveBack) => {
      order.push('big');
      giveBack();
    });
    const small = semaphore.acquire(10).then(() => order.push('small'));
    await Promise.resolve();
    expect(order).toEqual([]);
    release();
    await Promise.all([big, small]);
    expect(order).toEqual(['big', 'small']);
  });

  it('counts a release once, however often it is called', async () => {
    const semaphore = new ByteSemaphore({ bytesMax: 100, waitersMax: 10 });
    const release = await semaphore.acquire(30);
    await semaphore.acquire(30);
    release();
    release();
    expect(semaphore.bytesHeld).toBe(30);
  });

  it('refuses the waiter after the last that may wait', async () => {
    const semaphore = new ByteSemaphore({ bytesMax: 1, waitersMax: 2 });
    const release = await semaphore.acquire(1);
    const waiters = [semaphore.acquire(1), semaphore.acquire(0)];
    await expect(semaphore.acquire(1)).rejects.toThrow(TooManyWaitersError);
    release();
    (await waiters[0])?.();
    await waiters[1];
  });

  it('refuses what can never fit', async () => {
    const semaphore = new ByteSemaphore({ bytesMax: 100, waitersMax: 10 });
    for (const bytes of [101, -1, Number.NaN]) await expect(semaphore.acquire(bytes)).rejects.toThrow(InvariantError);
  });

  it('lets a waiter leave by its signal, and those behind it go on at once', async () => {
    const semaphore = new ByteSemaphore({ bytesMax: 100, waitersMax: 10 });
    await semaphore.acquire(50);
    const abort = new AbortController();
    const big = semaphore.acquire(80, abort.signal);
    const small = semaphore.acquire(50);
    abort.abort(new Error('gave up'));
    await expect(big).rejects.toThrow('gave up');
    await small;
    expect(semaphore.bytesHeld).toBe(100);
    expect(semaphore.waiting).toBe(0);
  });

  it('neither queues nor admits a caller whose signal has aborted', async () => {
    const semaphore = new ByteSemaphore({ bytesMax: 100, waitersMax: 10 });
    await expect(semaphore.acquire(1, AbortSignal.abort(new Error('late')))).rejects.toThrow('late');
    expect(semaphore.bytesHeld).toBe(0);
  });

  it('ignores the signal of one that it has admitted', async () => {
    const semaphore = new ByteSemaphore({ bytesMax: 1, waitersMax: 1 });
    const abort = new AbortController();
    const release = await semaphore.acquire(1);
    const admitted = semaphore.acquire(1, abort.signal);
    release();
    const giveBack = await admitted;
    expect(getEventListeners(abort.signal, 'abort')).toEqual([]);
    abort.abort();
    giveBack();
    expect(semaphore.bytesHeld).toBe(0);
  });

  it('admits in the order of arrival within its room, whatever is asked, given back and given up', async () => {
    const step = fc.record({
      bytes: fc.nat(10),
      act: fc.constantFrom('acquire', 'release', 'give up'),
    });
    await fc.assert(fc.asyncProperty(fc.array(step, { maxLength: 60 }), runAgainstModel), { numRuns: 300 });
  });
});

async function runAgainstModel(steps: readonly { bytes: number; act: string }[]): Promise<void> {
  const semaphore = new ByteSemaphore({ bytesMax: 10, waitersMax: 100 });
  const admitted: number[] = [];
  const releases: (() => void)[] = [];
  const waiting = new Map<number, AbortController>();
  for (const [index, { bytes, act }] of steps.entries()) {
    if (act === 'release') releases.shift()?.();
    if (act === 'give up') waiting.values().next().value?.abort();
    if (act === 'acquire') {
      const abort = new AbortController();
      waiting.set(index, abort);
      semaphore.acquire(bytes, abort.signal).then(
        (release) => {
          waiting.delete(index);
          admitted.push(index);
          releases.push(release);
        },
        () => waiting.delete(index),
      );
    }
    await new Promise((resolve) => setImmediate(resolve));
    expect(semaphore.bytesHeld).toBeLessThanOrEqual(10);
    expect(semaphore.waiting).toBe(waiting.size);
    expect(admitted).toEqual(admitted.toSorted((a, b) => a - b));
  }
  while (releases.length > 0) {
    releases.shift()?.();
    await new Promise((resolve) => setImmediate(resolve));
  }
  expect([semaphore.bytesHeld, semaphore.waiting]).toEqual([0, 0]);
}
