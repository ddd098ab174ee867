import { expect, it } from 'vitest';
import { willingMs } from './deadline.ts';

const of = (prefer: string | undefined) => willingMs({ headers: { prefer } } as never, 30_000);

it.each([
  ['wait=5', 5_000],
  ['Wait = 5', 5_000],
  ['respond-async, wait=2', 2_000],
  ['wait="7"; foo', 7_000],
  ['wait=0', 0],
  ['wait=600', 30_000],
])('a client that says `Prefer: %s` waits for %d ms', (prefer, ms) => {
  expect(of(prefer)).toBe(ms);
});

it.each([undefined, '', 'return=minimal', 'await=5', 'wait=soon', 'wait=-1', 'wait=1.5'])(
  'a client that says `Prefer: %s` gets the time that everybody gets',
  (prefer) => {
    expect(of(prefer)).toBe(30_000);
  },
);
