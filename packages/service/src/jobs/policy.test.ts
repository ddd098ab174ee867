import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { createTestDatabase, type TestDatabase } from '../../../../test/support/database.ts';
import { JOB_STATES, LANES, type Lane, type Misfortunes } from './model.ts';
import * as policy from './policy.ts';

const fresh = { attempts: 0, crashes: 0, expiries: 0, solitary: false };
const cause = { code: 'object_store_unavailable', message: 'no answer' };

describe('looking for leases that ran out', () => {
  const nodes = [1, 2, 4, 10, 100, 5_000];

  test('is done often by all nodes together, and by each the less the more there are', () => {
    const looksPerSecond = nodes.map((count) => (count * 1_000) / policy.reapDelayMs(count, 0.5));
    expect(looksPerSecond).toEqual([1, 2, 4, 4, 10, 500]);
  });

  test('is put off by nobody for longer than a lease, whoever has vanished', () => {
    for (const count of nodes) expect(policy.reapDelayMs(count, 0.999)).toBeLessThanOrEqual(policy.LEASE_MS);
  });

  test('is spread where there are many', () => {
    expect(policy.reapDelayMs(100, 0)).toBe(policy.reapDelayMs(100, 0.5) / 2);
    expect(policy.reapDelayMs(100, 1)).toBe(policy.reapDelayMs(100, 0.5) * 1.5);
  });
});

describe('the lanes', () => {
  const turns = Array.from({ length: 1_000 }, (_, ticket) => policy.laneOrder(ticket));

  test('are first 90, 9 and 1 times in a hundred', () => {
    expect(countFirst(turns, LANES)).toEqual({ live: 900, normal: 90, batch: 10 });
  });

  test('keep 9 to 1 between normal and batch while live is empty', () => {
    expect(countFirst(turns, ['normal', 'batch'])).toEqual({ live: 0, normal: 900, batch: 100 });
  });

  test('are all tried by every claim', () => {
    for (const turn of turns) expect([...turn].sort()).toEqual([...LANES].sort());
  });

  test('come evenly: normal waits for at most eleven claims, batch for a hundred', () => {
    expect(widestGap(turns, 'normal')).toBeLessThanOrEqual(12);
    expect(widestGap(turns, 'batch')).toBe(100);
  });

  describe('in SQL', () => {
    let stand: TestDatabase;
    beforeAll(async () => {
      stand = await createTestDatabase();
    });
    afterAll(() => stand.close());

    test('have the same order', async () => {
      const rows = await stand.database.query<{ lanes: Lane[] }>(
        'SELECT lane_order(ticket) AS lanes FROM generate_series(0, 999) AS ticket ORDER BY ticket',
      );
      expect(rows.map(({ lanes }) => lanes)).toEqual(turns);
    });
  });
});

describe('virtual time', () => {
  test('advances by cost over weight', () => {
    expect(policy.charge(3_000, 3)).toBe(1_000);
    expect(policy.charge(3_000, 0.5)).toBe(6_000);
  });

  test('always advances, and never beyond what a number can hold', () => {
    expect(policy.charge(1, 1_000)).toBe(1);
    expect(policy.charge(policy.COST_MICROS_MAX, 1e-9)).toBe(policy.CHARGE_MICROS_MAX);
  });

  test('gives no credit for idleness, and takes none for a backlog', () => {
    expect(policy.virtualStart(10, 500)).toBe(500);
    expect(policy.virtualStart(900, 500)).toBe(900);
  });
});

describe('a lease', () => {
  test('is expired after its time, and when it ends further ahead than two lease lengths', () => {
    const now = 1_000_000;
    expect(policy.isLeaseExpired(now + policy.LEASE_MS, now)).toBe(false);
    expect(policy.isLeaseExpired(now - 1, now)).toBe(true);
    expect(policy.isLeaseExpired(now + 2 * policy.LEASE_MS, now)).toBe(false);
    expect(policy.isLeaseExpired(now + 2 * policy.LEASE_MS + 1, now)).toBe(true);
  });

  test('outlives two lost renewals', () => {
    expect(policy.LEASE_MS).toBeGreaterThanOrEqual(3 * policy.RENEW_EVERY_MS);
  });
});

describe('a job that is given back', () => {
  test('by a drain is queued again as if nothing had happened', () => {
    const before = { attempts: 2, crashes: 1, expiries: 3, solitary: true };
    const after = policy.afterRelease(before, { reason: 'drain' }, 0.5);
    expect(after).toEqual({ ...before, state: 'queued', delayMs: 0, cause: null });
  });

  test('by a dying worker runs alone next, and when that one dies too it is quarantined', () => {
    const first = policy.afterRelease(fresh, { reason: 'worker_died', message: 'SIGSEGV' }, 0.5);
    expect(first).toMatchObject({ state: 'queued', crashes: 1, solitary: true, delayMs: 0 });
    const second = policy.afterRelease(first, { reason: 'worker_died', message: 'SIGSEGV' }, 0.5);
    expect(second).toMatchObject({ state: 'dead', crashes: 2, cause: { code: 'worker_crashed', message: 'SIGSEGV' } });
  });

  test('with a failure is tried five times, ever later, and then dies of its cause', () => {
    let job: Misfortunes = fresh;
    const ceilings: number[] = [];
    for (let attempt = 1; attempt < policy.ATTEMPTS_MAX; attempt++) {
      const after = policy.afterRelease(job, { reason: 'retry', cause }, 0.999_999);
      expect(after).toMatchObject({ state: 'delayed', attempts: attempt, cause });
      ceilings.push(after.delayMs);
      job = after;
    }
    expect(ceilings).toEqual([1_000, 2_000, 4_000, 8_000]);
    expect(policy.afterRelease(job, { reason: 'retry', cause }, 0)).toMatchObject({
      state: 'dead',
      attempts: 5,
      cause,
    });
  });

  test('by expiry counts neither as attempt nor as crash, yet not forever', () => {
    expect(policy.afterExpiry(fresh)).toMatchObject({ ...fresh, expiries: 1, state: 'queued' });
    const last = policy.afterExpiry({ ...fresh, expiries: policy.EXPIRIES_MAX - 1 });
    expect(last).toMatchObject({ state: 'dead', cause: { code: 'lease_expired' } });
  });

  test('to life again starts anew, but a killer of workers still runs alone', () => {
    const dead = { attempts: 5, crashes: 2, expiries: 4, solitary: true };
    expect(policy.afterRevival(dead)).toEqual({ ...fresh, solitary: true });
  });
});

describe('a delay', () => {
  test('is over when its time has come, or lies further ahead than the longest delay', () => {
    const now = 1_000_000;
    expect(policy.isDue(now, now)).toBe(true);
    expect(policy.isDue(now + 1, now)).toBe(false);
    expect(policy.isDue(now + policy.RETRY_BACKOFF.capMs, now)).toBe(false);
    expect(policy.isDue(now + policy.RETRY_BACKOFF.capMs + 1, now)).toBe(true);
  });
});

describe('the state machine', () => {
  test('leaves every state by some event, and only leased jobs complete', () => {
    const events: policy.JobEvent[] = [
      ...(['claim', 'complete', 'requeue', 'delay', 'bury', 'fallDue', 'revive', 'cancel', 'hold', 'release'] as const),
    ];
    for (const state of JOB_STATES) {
      expect(events.some((event) => policy.nextState(state, event) !== undefined)).toBe(true);
      expect(policy.nextState(state, 'complete')).toBe(state === 'leased' ? null : undefined);
    }
  });
});

function countFirst(turns: readonly (readonly Lane[])[], waiting: readonly Lane[]): Record<Lane, number> {
  const counts = { live: 0, normal: 0, batch: 0 };
  for (const turn of turns) {
    const first = turn.find((lane) => waiting.includes(lane));
    if (first) counts[first] += 1;
  }
  return counts;
}

function widestGap(turns: readonly (readonly Lane[])[], lane: Lane): number {
  const at = turns.flatMap(([first], ticket) => (first === lane ? [ticket] : []));
  return Math.max(...at.slice(1).map((ticket, index) => ticket - (at[index] ?? 0)));
}
