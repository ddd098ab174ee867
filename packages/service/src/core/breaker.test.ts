import { expect, it } from 'vitest';
import { Breaker, BreakerOpenError, type BreakerState } from './breaker.ts';

const SILENCE = new Error('no answer');
const REFUSAL = new Error('refused');
/** A pause is drawn between half and the whole of its length; here it is the whole. */
const LATEST = 0.999_999;

function open() {
  const clock = { nowMs: 0, monotonic: () => clock.nowMs, random: () => LATEST };
  const states: BreakerState[] = [];
  let tried = 0;
  const breaker = new Breaker({ clock, what: 'the other end', onChange: (state) => states.push(state) });
  const call = async (failure?: Error) =>
    breaker.run(
      async () => {
        tried += 1;
        if (failure) throw failure;
        return 'an answer';
      },
      (error) => error === SILENCE,
    );
  const calls = async (count: number, failure?: Error) => {
    for (let n = 0; n < count; n += 1) await call(failure).catch(() => undefined);
  };
  return { breaker, clock, states, call, calls, tried: () => tried };
}

it('opens when half of the latest calls were silent, and then tries nothing', async () => {
  const { breaker, call, calls, tried } = open();
  await calls(10);
  await calls(9, SILENCE);
  expect(breaker.state).toBe('closed');
  await calls(1, SILENCE);
  expect(breaker.state).toBe('open');
  await expect(call()).rejects.toThrow(BreakerOpenError);
  expect(tried()).toBe(20);
});

it('stays closed through a brown-out, and whatever fails without delay', async () => {
  const { breaker, calls } = open();
  for (let n = 0; n < 100; n += 1) {
    await calls(1, SILENCE);
    await calls(9);
  }
  await calls(100, REFUSAL);
  expect(breaker.state).toBe('closed');
});

it('opens for nothing that is long past, nor for a few', async () => {
  const { breaker, clock, calls } = open();
  await calls(7, SILENCE);
  clock.nowMs += 60_000;
  await calls(1, SILENCE);
  expect(breaker.state).toBe('closed');
});

it('lets one call through after a pause, which closes it for all, or doubles the pause', async () => {
  const { breaker, clock, states, call, calls, tried } = open();
  await calls(8, SILENCE);
  for (const pauseMs of [500, 1_000, 2_000, 4_000, 4_000]) {
    clock.nowMs += pauseMs - 1;
    await expect(call()).rejects.toThrow(BreakerOpenError);
    clock.nowMs += 1;
    await expect(call(SILENCE)).rejects.toBe(SILENCE);
  }
  clock.nowMs += 4_000;
  const before = tried();
  const answers = await Promise.allSettled([call(), call(), call()]);
  expect(answers.map(({ status }) => status)).toEqual(['fulfilled', 'rejected', 'rejected']);
  expect(tried()).toBe(before + 1);
  expect(breaker.state).toBe('closed');
  expect(states.slice(-2)).toEqual(['half-open', 'closed']);
  await expect(call()).resolves.toBe('an answer');
});

it('is not held up by a probe that takes long', async () => {
  const { breaker, clock, calls, call } = open();
  await calls(8, SILENCE);
  clock.nowMs += 500;
  const slow = breaker.run(
    () => new Promise<string>(() => undefined),
    () => true,
  );
  slow.catch(() => undefined);
  await expect(call()).rejects.toThrow(BreakerOpenError);
  clock.nowMs += 4_000;
  await expect(call()).resolves.toBe('an answer');
  expect(breaker.state).toBe('closed');
});
