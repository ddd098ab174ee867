import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { decide, decideByCpu, decideFixed, type Observations, SCALING_POLICY_DEFAULT } from './policy.ts';

const idle: Observations = {
  workSecondsQueued: { live: 0, normal: 0, batch: 0 },
  jobsQueued: 0,
  waitSecondsOldest: { live: 0, normal: 0, batch: 0 },
  workSecondsArriving: 0,
  workSecondsArrivingBatch: 0,
  workSecondsPerSecond: 1,
  workersReady: 2,
  workersStarting: 0,
  workersDraining: 0,
  busyShare: 0,
  startSeconds: 2,
  costPerWorkerHour: 0,
  databaseConnectionsUsed: 10,
  databaseConnectionsMax: 10_000,
  connectionsPerWorker: 4,
  claimsPerWorker: 1,
  secondsSinceUp: Number.POSITIVE_INFINITY,
  secondsSinceDown: Number.POSITIVE_INFINITY,
};
const policy = { ...SCALING_POLICY_DEFAULT, workersMax: 100, claimsPerSecondMax: Number.POSITIVE_INFINITY };

function queued(normal: number, jobsQueued = 10_000): Partial<Observations> {
  return { workSecondsQueued: { live: 0, normal, batch: 0 }, jobsQueued };
}
function batched(batch: number, oldest = 0): Partial<Observations> {
  return {
    workSecondsQueued: { live: 0, normal: 0, batch },
    waitSecondsOldest: { live: 0, normal: 0, batch: oldest },
    jobsQueued: 10_000,
  };
}
function waiting(normal: number): Partial<Observations> {
  return { waitSecondsOldest: { live: 0, normal, batch: 0 } };
}

describe('the drain-time policy', () => {
  it('orders at once as many workers as drain the backlog within the objective, less their start', () => {
    // 400 s of work, of which two workers do 4 while others start; the rest in the 8 s that are left of 10.
    const decision = decide({ ...idle, ...queued(400) }, policy);
    expect(decision).toMatchObject({ workers: 50, workersNeeded: 50, reason: 'backlog', cutBy: [], drainSeconds: 200 });
  });

  it('asks for the same number again while those that it ordered start, and not for more each time', () => {
    const decision = decide({ ...idle, ...queued(400), workersStarting: 48, secondsSinceUp: 0 }, policy);
    expect(decision.workers).toBe(50);
  });

  it('orders for what keeps arriving, with the margin in which queues stay short', () => {
    expect(decide({ ...idle, workSecondsArriving: 8 }, policy)).toMatchObject({ workers: 10, reason: 'arrivals' });
    expect(decide({ ...idle, workSecondsArriving: 8, workersReady: 10 }, policy)).toMatchObject({ reason: 'steady' });
  });

  it('counts on workers as fast as they are, not as predictions say', () => {
    expect(decide({ ...idle, workSecondsArriving: 8, workSecondsPerSecond: 0.5 }, policy).workers).toBe(20);
  });

  it('orders no machine that would come after the backlog has gone', () => {
    const slow = { ...idle, ...queued(100), workersReady: 10, startSeconds: 90 };
    expect(decide(slow, policy)).toMatchObject({ workers: 10, reason: 'steady' });
    expect(decide({ ...slow, startSeconds: 2 }, policy)).toMatchObject({ workers: 10, reason: 'steady' });
    expect(decide({ ...slow, ...queued(1_000), startSeconds: 2 }, policy).workers).toBeGreaterThan(50);
  });

  it('orders for the backlog that will be there when slow machines have started', () => {
    const growing = { ...idle, ...queued(50), workSecondsArriving: 10, startSeconds: 60 };
    // 50 + 60 s of 8 more than two workers do, in half of the objective, and what arrives.
    expect(decide(growing, { ...policy, workersMax: 1_000 }).workers).toBe(Math.ceil(10 / 0.8 + 530 / 5));
  });

  it('lets `batch` wait for its own, longer objective, and takes none of it for an arrival that somebody waits for', () => {
    const imported = { ...idle, ...batched(7_200), workSecondsArriving: 240, workSecondsArrivingBatch: 240 };
    // In 0.8 of an hour; before, 240 s of work a second asked for 300 workers.
    expect(decide(imported, policy)).toMatchObject({ workers: 3, reason: 'backlog' });
    expect(decide({ ...idle, ...queued(400) }, policy).workers).toBe(50);
  });

  it('asks for the same workers through the whole of an import, so that its last job is not late', () => {
    const [work, workers] = [28_800, 10];
    for (let waited = 0; waited <= 2_000; waited += 100) {
      const left = { ...idle, ...batched(work - workers * waited, waited), workersReady: workers };
      expect(decide(left, policy), `${waited}`).toMatchObject({ workers, workersNeeded: workers });
    }
  });

  it('keeps up with a stream into `batch` at about half of its objective', () => {
    // 8 s of work a second: what arrived in 0.4 of the objective waits.
    expect(decide({ ...idle, ...batched(8 * 1_440, 1_440) }, policy).workers).toBe(8);
    expect(decide({ ...idle, ...batched(8 * 2_000, 2_000) }, policy).workers).toBeGreaterThan(16);
  });

  it('orders no more workers than there are jobs: one long job cannot be shared out', () => {
    expect(decide({ ...idle, ...queued(400, 3) }, policy).workers).toBe(3);
  });

  it('doubles a fleet whose jobs wait too long although it should suffice, once what it ordered has had its time', () => {
    const late = { ...idle, ...queued(1), ...waiting(60) };
    expect(decide({ ...late, secondsSinceUp: 60 }, policy)).toMatchObject({ workers: 4, reason: 'late' });
    expect(decide({ ...late, secondsSinceUp: 5 }, policy)).toMatchObject({ workers: 2, reason: 'steady' });
    expect(decide({ ...late, workersReady: 1, workersStarting: 1 }, policy)).toMatchObject({ workers: 2 });
  });

  it('starts from nothing', () => {
    const none = { ...idle, workersReady: 0, workSecondsQueued: { live: 0.2, normal: 0, batch: 0 }, jobsQueued: 1 };
    const decision = decide(none, { ...policy, workersMin: 0 });
    expect(decision).toMatchObject({ workers: 1, reason: 'backlog', drainSeconds: null });
  });
});

describe('going down', () => {
  const large = { ...idle, workersReady: 40 };

  it('takes a quarter at a time', () => {
    expect(decide(large, policy)).toMatchObject({ workers: 30, reason: 'surplus' });
    expect(decide({ ...idle, workersReady: 3 }, policy)).toMatchObject({ workers: 2, reason: 'surplus' });
  });

  it('waits after an order, longer where machines take long to start, and between two steps', () => {
    const kept = { workers: 40, workersNeeded: 0, reason: 'cooling_down' };
    expect(decide({ ...large, secondsSinceUp: 119 }, policy)).toMatchObject(kept);
    expect(decide({ ...large, secondsSinceUp: 121 }, policy)).toMatchObject({ workers: 30 });
    expect(decide({ ...large, secondsSinceUp: 121, startSeconds: 60 }, policy)).toMatchObject(kept);
    expect(decide({ ...large, secondsSinceDown: 29 }, policy)).toMatchObject(kept);
  });

  it('leaves a margin between the load that orders workers and the one that gives them up', () => {
    for (const workSecondsArriving of [6.1, 7, 7.9]) {
      const decision = decide({ ...idle, workersReady: 10, workSecondsArriving }, policy);
      expect(decision, `${workSecondsArriving}`).toMatchObject({ workers: 10, reason: 'steady' });
    }
    expect(decide({ ...idle, workersReady: 10, workSecondsArriving: 5 }, policy)).toMatchObject({ workers: 9 });
  });

  it('gives up nobody while jobs wait too long', () => {
    const late = { ...large, ...waiting(11), secondsSinceUp: 0 };
    expect(decide({ ...late, workersStarting: 1 }, policy)).toMatchObject({ workers: 41, reason: 'steady' });
  });

  it('never goes below the least, and up to it at once', () => {
    expect(decide({ ...idle, workersReady: 1 }, policy)).toMatchObject({ workers: 1, reason: 'steady', cutBy: [] });
    const few = decide({ ...idle, workersReady: 1 }, { ...policy, workersMin: 4 });
    expect(few).toMatchObject({ workers: 4, reason: 'below_min', cutBy: ['min'] });
  });
});

describe('the bounds', () => {
  const crowd = { ...idle, ...queued(10_000) };

  it('cut what the signal asks for, and are named', () => {
    expect(decide(crowd, policy)).toMatchObject({ workers: 100, workersNeeded: 1_250, cutBy: ['max'] });
    const dear = decide({ ...crowd, costPerWorkerHour: 0.05 }, { ...policy, costPerHourMax: 1 });
    expect(dear).toMatchObject({ workers: 20, cutBy: ['cost', 'max'], reason: 'backlog' });
    const narrow = decide({ ...crowd, databaseConnectionsMax: 60 }, policy);
    // 60 less 10 reserved and 10 in use are 10 workers of 4, beside the two whose connections are in use.
    expect(narrow).toMatchObject({ workers: 12, cutBy: ['database_connections', 'max'] });
  });

  it('order no worker that the database has no job to hand to per second, upkeep of the machines included', () => {
    // Jobs of 0.1 s: ten claims a second of each worker, and one for looking after it.
    const small = { ...idle, ...queued(1_000) };
    const held = { ...policy, claimsPerSecondMax: 440 };
    expect(decide(small, held)).toMatchObject({ workers: 40, workersNeeded: 125, cutBy: ['queue_claims', 'max'] });
    expect(decide({ ...small, workSecondsPerSecond: 0.5 }, held).workers).toBe(73);
    // What works already does no harm, and of a few jobs the mean says nothing.
    expect(decide({ ...small, workersReady: 60 }, held)).toMatchObject({ workers: 60 });
    expect(decide({ ...idle, ...queued(9, 90) }, { ...held, claimsPerSecondMax: 1 })).toMatchObject({ cutBy: [] });
  });

  it('count that draining workers still cost, and starting ones will still connect', () => {
    const draining = { ...crowd, costPerWorkerHour: 0.05, workersDraining: 8 };
    expect(decide(draining, { ...policy, costPerHourMax: 1 }).workers).toBe(12);
    const starting = { ...crowd, databaseConnectionsMax: 60, workersStarting: 10 };
    expect(decide(starting, policy).workers).toBe(12);
  });

  it('take back what is beyond them at once, also below the least', () => {
    const over = { ...crowd, workersReady: 40, costPerWorkerHour: 0.05, secondsSinceUp: 0 };
    const decision = decide(over, { ...policy, workersMin: 30, costPerHourMax: 1 });
    expect(decision).toMatchObject({ workers: 20, reason: 'over_bound', cutBy: ['cost', 'max'] });
    const crowded = { ...idle, workersReady: 40, secondsSinceUp: 0, databaseConnectionsUsed: 10_000 };
    expect(decide(crowded, policy)).toMatchObject({ workers: 37, reason: 'over_bound' });
  });
});

describe('every decision', () => {
  const byLane = fc.record({ live: fc.nat(5_000), normal: fc.nat(5_000), batch: fc.nat(100_000) });
  const seconds = fc.oneof(fc.nat(600), fc.constant(Number.POSITIVE_INFINITY));
  const anything: fc.Arbitrary<Observations> = fc.record({
    workSecondsQueued: byLane,
    jobsQueued: fc.nat(100_000),
    waitSecondsOldest: byLane,
    workSecondsArriving: fc.double({ min: 0, max: 500, noNaN: true }),
    workSecondsArrivingBatch: fc.double({ min: 0, max: 500, noNaN: true }),
    workSecondsPerSecond: fc.double({ min: 0.2, max: 5, noNaN: true }),
    workersReady: fc.nat(500),
    workersStarting: fc.nat(50),
    workersDraining: fc.nat(50),
    busyShare: fc.double({ min: 0, max: 1, noNaN: true }),
    startSeconds: fc.nat(300),
    costPerWorkerHour: fc.double({ min: 0, max: 1, noNaN: true }),
    databaseConnectionsUsed: fc.nat(3_000),
    databaseConnectionsMax: fc.nat(3_000),
    connectionsPerWorker: fc.nat(20),
    claimsPerWorker: fc.double({ min: 0, max: 5, noNaN: true }),
    secondsSinceUp: seconds,
    secondsSinceDown: seconds,
  });
  const bounded = { ...policy, workersMin: 2, workersMax: 300, costPerHourMax: 50, claimsPerSecondMax: 760 };

  it('is a whole number of workers within maximum and cost, whichever policy makes it', () => {
    fc.assert(
      fc.property(anything, fc.constantFrom(decide, decideByCpu, decideFixed(7)), (observations, policyOf) => {
        const { workers } = policyOf(observations, bounded);
        expect(Number.isSafeInteger(workers) && workers >= 0 && workers <= 300).toBe(true);
        const paid = workers + observations.workersDraining;
        if (workers > 0) expect(paid * observations.costPerWorkerHour).toBeLessThanOrEqual(50 + 1e-6);
      }),
      { numRuns: 2_000 },
    );
  });

  it('gives a larger backlog no smaller fleet', () => {
    fc.assert(
      fc.property(anything, fc.nat(5_000), (observations, more) => {
        const { live, normal, batch } = observations.workSecondsQueued;
        const worse = { ...observations, workSecondsQueued: { live: live + more, normal, batch } };
        expect(decide(worse, bounded).workers).toBeGreaterThanOrEqual(decide(observations, bounded).workers);
      }),
      { numRuns: 2_000 },
    );
  });
});

describe('the policies to compare with', () => {
  it('a CPU threshold doubles at most, tolerates a tenth, and sees no backlog', () => {
    expect(decideByCpu({ ...idle, workersReady: 10, busyShare: 1 }, policy)).toMatchObject({
      workers: 15,
      reason: 'cpu_high',
    });
    expect(decideByCpu({ ...idle, workersReady: 10, busyShare: 0.75 }, policy).reason).toBe('steady');
    expect(decideByCpu({ ...idle, workersReady: 10, busyShare: 0.2 }, policy)).toMatchObject({
      workers: 3,
      reason: 'cpu_low',
    });
    expect(decideByCpu({ ...idle, ...queued(10_000), busyShare: 1 }, policy).workers).toBe(3);
    expect(decideByCpu({ ...idle, workersReady: 10, busyShare: 0.2, secondsSinceUp: 299 }, policy)).toMatchObject({
      workers: 10,
      reason: 'cooling_down',
    });
  });

  it('a fixed fleet is fixed', () => {
    expect(decideFixed(7)({ ...idle, ...queued(10_000) }, policy)).toMatchObject({ workers: 7, reason: 'fixed' });
  });
});
