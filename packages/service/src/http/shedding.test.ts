import { setImmediate as turnOfLoop } from 'node:timers/promises';
import { expect, it } from 'vitest';
import { systemClock } from '../core/clock.ts';
import { createMetrics } from '../telemetry/metrics.ts';
import { boundCrossed, type Load, type Sheddable, Shedding } from './shedding.ts';

const IDLE: Load = { eventLoopDelay: 0, databaseWait: 0, liveWait: 0 };
const KINDS: readonly Sheddable[] = ['batch', 'upload', 'live'];
const refusedAt = (load: Partial<Load>) => KINDS.filter((work) => boundCrossed(work, { ...IDLE, ...load }));

it('refuses nothing on a node that keeps up', () => {
  expect(refusedAt({})).toEqual([]);
  expect(refusedAt({ eventLoopDelay: 100, databaseWait: 250, liveWait: 2_500 })).toEqual([]);
});

it('refuses what can wait first, then uploads, and renditions that somebody waits for last', () => {
  expect(refusedAt({ eventLoopDelay: 101 })).toEqual(['batch']);
  expect(refusedAt({ eventLoopDelay: 401 })).toEqual(['batch', 'upload']);
  expect(refusedAt({ eventLoopDelay: 1_001 })).toEqual(KINDS);
  expect(refusedAt({ databaseWait: 251 })).toEqual(['batch']);
  expect(refusedAt({ databaseWait: 1_501 })).toEqual(['batch', 'upload']);
  expect(refusedAt({ databaseWait: 3_001 })).toEqual(KINDS);
});

it('keeps that order whatever the load', () => {
  for (let n = 0; n < 500; n += 1) {
    const [eventLoopDelay, databaseWait, liveWait] = [n * 3, (n * 7_919) % 4_000, (n * 104_729) % 20_000];
    const refused = refusedAt({ eventLoopDelay, databaseWait, liveWait });
    expect(refused).toEqual(KINDS.slice(0, refused.length));
  }
});

it('puts off better forms while requests wait long for what they have ordered', () => {
  expect(refusedAt({ liveWait: 2_501 })).toEqual(['batch']);
  expect(refusedAt({ liveWait: 60_000 })).toEqual(['batch']);
});

it('names the bound that was crossed', () => {
  expect(boundCrossed('upload', { ...IDLE, eventLoopDelay: 512.3 })).toEqual({
    name: 'eventLoopDelayMsMax',
    limit: 400,
    actual: 512,
  });
});

it('measures the loop from the first question on, until the node closes', async () => {
  const closing = new AbortController();
  const idle = { counts: () => ({ total: 0, idle: 0, waiting: 0, waitedMs: 0 }) };
  const deps = { clock: systemClock, database: idle, metrics: createMetrics(), closing: closing.signal };
  const shedding = new Shedding(deps);
  const block = async (ms: number) => {
    for (const end = systemClock.monotonic() + ms; systemClock.monotonic() < end; await turnOfLoop()) {
      for (const busy = systemClock.monotonic() + 200; systemClock.monotonic() < busy; );
    }
  };
  await block(400);
  shedding.refuse('batch');
  await block(1_200);
  expect(() => shedding.refuse('batch')).toThrow(/eventLoopDelayMsMax/);
  closing.abort();
  expect(() => shedding.refuse('batch')).not.toThrow();
});
