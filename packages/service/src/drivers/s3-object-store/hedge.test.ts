import { describe, expect, it } from 'vitest';
import { systemClock } from '../../core/clock.ts';
import { Hedge } from './hedge.ts';

const READS = 400;
const NEVER = new Promise<string>(() => undefined);

/** A hedge that has learnt from many quick reads. */
async function seasoned(): Promise<Hedge> {
  const hedge = new Hedge(systemClock);
  for (let read = 0; read < READS; read += 1) await hedge.run(async () => 'quick', ignore);
  return hedge;
}

const ignore = () => undefined;

describe('a hedged read', () => {
  it('asks once while nothing is known of the store', async () => {
    let asked = 0;
    const hedge = new Hedge(systemClock);
    const slow = async () => {
      asked += 1;
      await new Promise((resolve) => setTimeout(resolve, 30));
      return 'slow';
    };
    await Promise.all(Array.from({ length: 15 }, () => hedge.run(slow, ignore)));
    expect(asked).toBe(15);
  });

  it('asks again when the first answer is late, and cancels the one that lost', async () => {
    const hedge = await seasoned();
    const signals: AbortSignal[] = [];
    const answer = await hedge.run((signal) => {
      signals.push(signal);
      return signals.length === 1 ? NEVER : Promise.resolve('second');
    }, ignore);
    expect(answer).toBe('second');
    expect(signals.map(({ aborted }) => aborted)).toEqual([true, false]);
  });

  it('lets go of an answer that comes second all the same', async () => {
    const hedge = await seasoned();
    const { promise: late, resolve } = Promise.withResolvers<string>();
    const dropped = Promise.withResolvers<string>();
    let asked = 0;
    const start = () => {
      asked += 1;
      return asked === 1 ? late : Promise.resolve('second');
    };
    expect(await hedge.run(start, dropped.resolve)).toBe('second');
    resolve('first');
    expect(await dropped.promise).toBe('first');
  });

  it('fails only when both have failed', async () => {
    const hedge = await seasoned();
    let asked = 0;
    const both = Promise.withResolvers<string>();
    const start = () => {
      asked += 1;
      if (asked === 1) return both.promise;
      both.reject(new Error('the first'));
      return both.promise.catch(() => Promise.reject(new Error('the second')));
    };
    await expect(hedge.run(start, ignore)).rejects.toThrow('the second');
    await expect(hedge.run(() => Promise.reject(new Error('at once')), ignore)).rejects.toThrow('at once');
  });

  it('makes at most one request in twenty a second time, however many are late', async () => {
    const hedge = await seasoned();
    let asked = 0;
    const slow = async () => {
      asked += 1;
      await new Promise((resolve) => setTimeout(resolve, 60));
      return 'slow';
    };
    await Promise.all(Array.from({ length: 200 }, () => hedge.run(slow, ignore)));
    expect(asked).toBeGreaterThan(200);
    // What 200 earn, and the ten that were saved up.
    expect(asked).toBeLessThanOrEqual(200 + 10 + 10);
  });
});
