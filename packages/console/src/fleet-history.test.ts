import { describe, expect, it } from 'vitest';
import { axisMax, type Decision, episodes, joined, series, stepPath } from './fleet-history.ts';

const decision = (id: number, given: Partial<Decision> = {}): Decision => ({
  id,
  at: new Date(id * 1_000).toISOString(),
  node: 'node_1',
  workersBefore: 2,
  workers: 2,
  workersNeeded: 2,
  reason: 'steady',
  cutBy: [],
  drainSeconds: 0,
  observations: {
    workSecondsQueued: { live: 0, normal: 0, batch: 0 },
    jobsQueued: 0,
    waitSecondsOldest: { live: 0, normal: 0, batch: 0 },
    workSecondsArriving: 0,
    workSecondsPerSecond: 1,
    workersReady: 2,
    workersStarting: 0,
    workersDraining: 0,
    busyShare: 0,
    startSeconds: 2,
    costPerWorkerHour: 0,
    databaseConnectionsUsed: 1,
    databaseConnectionsMax: 10,
    connectionsPerWorker: 1,
    secondsSinceUp: null,
    secondsSinceDown: null,
  },
  ...given,
});
const ids = (decisions: readonly Decision[]) => decisions.map(({ id }) => id);

describe('the history of the fleet', () => {
  it('is one list of what was seen and what is new, the newest first, of which the oldest are forgotten', () => {
    const seen = [decision(3), decision(2), decision(1)];
    const fresh = [decision(5), decision(4), decision(3)];
    expect(ids(joined(fresh, seen))).toEqual([5, 4, 3, 2, 1]);
    expect(ids(joined(fresh, seen, 3))).toEqual([5, 4, 3]);
  });

  it('tells decisions in a row that say the same as one, and every change of size alone', () => {
    const up = { reason: 'backlog', workersBefore: 2, workers: 4 } as const;
    const after = { workersBefore: 4, workers: 4 };
    const told = episodes([
      decision(6, after),
      decision(5, after),
      decision(4, up),
      decision(3, up),
      decision(2),
      decision(1),
    ]);
    expect(told.map(({ first, last, count }) => [first.id, last.id, count])).toEqual([
      [5, 6, 2],
      [4, 4, 1],
      [3, 3, 1],
      [1, 2, 2],
    ]);
  });

  it('is drawn in steps, each held until the next, with a gap where there is no figure', () => {
    const drain = [5, null, null, 7, 8];
    const points = series(
      drain.map((drainSeconds, index) => decision(index, { drainSeconds })).reverse(),
      ({ drainSeconds }) => drainSeconds,
    );
    const path = stepPath(
      points,
      (at) => at / 100,
      (value) => 10 - value,
    );
    expect(path).toBe('M0 5H10M30 3H40V2');
  });

  it.each([
    [0, 2],
    [3, 4],
    [5, 6],
    [7, 10],
    [11, 20],
    [130, 200],
  ])('has an axis that ends for %i at %i, so that half of it is a whole worker', (value, end) => {
    expect(axisMax(value)).toBe(end);
  });
});
