import { expect, it } from 'vitest';
import { AdaptiveLimit } from './adaptive-limit.ts';

const limits = { limitMax: 500, longMs: 5_000 };

it('begins with what is configured, and stays there while waits are short', () => {
  const pending = new AdaptiveLimit(limits);
  for (let n = 0; n < 10; n += 1) pending.note(4_999, 500);
  expect(pending.limit).toBe(500);
});

it('shrinks while waits are long, to a page of pictures at least, and grows again', () => {
  const pending = new AdaptiveLimit(limits);
  for (let n = 0; n < 20; n += 1) pending.note(5_001, 500);
  expect(pending.limit).toBe(Math.floor(500 * 0.95 ** 20));
  for (let n = 0; n < 1_000; n += 1) pending.note(10_000, 500);
  expect(pending.limit).toBe(16);
  for (let n = 0; n < 100; n += 1) pending.note(10, 16);
  expect(pending.limit).toBe(116);
});

it('settles where the work is done in half of the time, whatever the pace', () => {
  const pending = new AdaptiveLimit(limits);
  const paceMs = 33;
  for (let n = 0; n < 2_000; n += 1) pending.note(pending.limit * paceMs, pending.limit);
  expect(pending.limit * paceMs).toBeGreaterThan(4_500);
  expect(pending.limit * paceMs).toBeLessThan(5_100);
});

it('never lets more pass than is configured, however few that are', () => {
  const pending = new AdaptiveLimit({ limitMax: 3, longMs: 50 });
  pending.note(1_000, 3);
  pending.note(0, 0);
  expect(pending.limit).toBe(3);
});

it('takes a long wait while few are pending for the fault of a picture or a worker', () => {
  const pending = new AdaptiveLimit(limits);
  for (let n = 0; n < 20; n += 1) pending.note(10_000, 249);
  expect(pending.limit).toBe(500);
});
