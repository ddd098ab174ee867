import { describe, expect, it } from 'vitest';
import type { BreakerState } from '../../core/breaker.ts';
import { systemClock } from '../../core/clock.ts';
import { StoreUnavailableError } from '../../ports/object-store.ts';
import { Requests } from './requests.ts';

const overloaded = Object.assign(new Error('Please reduce your request rate'), { $metadata: { httpStatusCode: 503 } });
const broken = Object.assign(new Error('socket hang up'), { code: 'ECONNRESET' });
const denied = Object.assign(new Error('Forbidden'), { $metadata: { httpStatusCode: 403 } });

function subject() {
  let silences = 0;
  const onSilence = () => {
    silences += 1;
  };
  const requests = new Requests({ clock: systemClock, where: 'the bucket b', onSilence });
  return { requests, silences: () => silences };
}

describe('a request to the store', () => {
  it('is sent three times at most, and once when another try cannot help', async () => {
    for (const [failure, times] of [
      [overloaded, 3],
      [denied, 1],
    ] as const) {
      let sent = 0;
      const start = () => {
        sent += 1;
        return Promise.reject(failure);
      };
      await expect(subject().requests.send('a/b', { msMax: 1_000 }, start)).rejects.toThrow(StoreUnavailableError);
      expect(sent).toBe(times);
    }
  });

  it('is repeated for one in ten when all fail: a storm is not made worse', async () => {
    const { requests } = subject();
    let sent = 0;
    const start = () => {
      sent += 1;
      return Promise.reject(broken);
    };
    await Promise.allSettled(Array.from({ length: 500 }, () => requests.send('a/b', { msMax: 1_000 }, start)));
    // The twenty that were saved up, and a tenth of 500.
    expect(sent).toBeGreaterThan(500);
    expect(sent).toBeLessThanOrEqual(500 + 20 + 50);
  });

  it('is not sent while the store is ill, until one in a while finds it well', async () => {
    const states: BreakerState[] = [];
    const observer = {
      onRetry: () => undefined,
      onHedge: () => undefined,
      onBreaker: (s: BreakerState) => states.push(s),
    };
    const clock = { ...systemClock, aheadMs: 0, monotonic: () => systemClock.monotonic() + clock.aheadMs };
    const requests = new Requests({ clock, where: 'the bucket b', onSilence: () => undefined, observer });
    let sent = 0;
    const send = (answer: () => Promise<string>) =>
      requests.send('a/b', { msMax: 1_000, triesMax: 1 }, () => {
        sent += 1;
        return answer();
      });
    for (let n = 0; n < 8; n += 1)
      await expect(send(() => Promise.reject(overloaded))).rejects.toThrow('reduce your request rate');
    await expect(send(() => Promise.resolve('well'))).rejects.toThrow('has not answered lately');
    expect(sent).toBe(8);
    clock.aheadMs += 1_000;
    await expect(send(() => Promise.resolve('well'))).resolves.toBe('well');
    expect(states).toEqual(['open', 'half-open', 'closed']);
  });

  it('ends when its time is up, tells that the store is silent, and is tried anew', async () => {
    const { requests, silences } = subject();
    const start = (signal: AbortSignal) =>
      new Promise<never>((_, reject) => signal.addEventListener('abort', () => reject(new Error('aborted'))));
    const sent = requests.send('a/b', { msMax: 20 }, start);
    await expect(sent).rejects.toThrow('the bucket b cannot be used: no answer within 20 ms');
    expect(silences()).toBe(3);
  });

  it("ends with the caller's signal, for its reason, and is not repeated", async () => {
    const { requests } = subject();
    const abort = new AbortController();
    let sent = 0;
    const start = (signal: AbortSignal) => {
      sent += 1;
      abort.abort(new Error('the client went away'));
      return signal.aborted ? Promise.reject(overloaded) : Promise.resolve('never');
    };
    const ended = requests.send('a/b', { msMax: 1_000, signal: abort.signal }, start);
    await expect(ended).rejects.toThrow('the client went away');
    expect(sent).toBe(1);
  });
});
