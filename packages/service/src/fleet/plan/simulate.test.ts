import { describe, expect, it } from 'vitest';
import { LEASE_MS } from '../../jobs/index.ts';
import { decideFixed, SCALING_POLICY_DEFAULT } from '../policy.ts';
import { PLAN_POLICIES, planFleet } from './compare.ts';
import { PLAN_MODEL_DEFAULT, type PlanModel } from './model.ts';
import { seededRandom } from './random.ts';
import { scalingCurve } from './scaling.ts';
import { simulate } from './simulate.ts';
import { makeTrace } from './synthetic.ts';
import { type Trace, traceOf } from './trace.ts';

const UNLIMITED: PlanModel = {
  ...PLAN_MODEL_DEFAULT,
  workersPerMachine: 1,
  claimsPerSecond: Number.POSITIVE_INFINITY,
  claimsPerTending: 0,
  upkeepPerMachine: 0,
  storeWritesPerSecond: Number.POSITIVE_INFINITY,
  networkBytesPerSecond: Number.POSITIVE_INFINITY,
  wakeSeconds: 0,
};

function fixed(trace: Trace, machines: number, model: Partial<PlanModel> = {}) {
  const whole = { ...UNLIMITED, ...model };
  const workers = machines * whole.workersPerMachine;
  const policy = { ...SCALING_POLICY_DEFAULT, workersMin: 0, workersMax: workers };
  return simulate({ name: 'fixed', trace, model: whole, decide: decideFixed(workers), policy, machines });
}

describe('a simulated fleet', () => {
  it('makes jobs wait as a calculation by hand says', () => {
    const at = (atSeconds: number, workSeconds: number) => ({
      atSeconds,
      workSeconds,
      tenant: 'a',
      lane: 'normal' as const,
    });
    // Two workers: the third job waits for the first to end at 4, the fourth for the second at 6.
    const report = fixed(traceOf('hand', [at(0, 4), at(1, 5), at(2, 4), at(3, 1)], 0), 2);
    expect(report.waits.normal).toMatchObject({ jobs: 4, p50Seconds: 0, p95Seconds: 3, maxSeconds: 3 });
    expect(report.seconds).toBe(8);
    expect(report.utilisation).toBeCloseTo(14 / 16);
    expect(report.machineHours).toBeCloseTo(16 / 3600);
  });

  it('makes strangers wait as Erlang did in 1917', () => {
    const [workers, workSeconds, perSecond, seconds] = [8, 1, 6.4, 40_000];
    const random = seededRandom(3);
    const exponential = (mean: number) => -Math.log(1 - random()) * mean;
    const arrivals = [];
    for (let at = 0; at < seconds; at += exponential(1 / perSecond)) {
      arrivals.push({ atSeconds: at, workSeconds: exponential(workSeconds), tenant: 'a', lane: 'normal' as const });
    }
    const { waits, utilisation } = fixed(traceOf('poisson', arrivals, 0), workers);
    expect(utilisation).toBeCloseTo((perSecond * workSeconds) / workers, 1);
    // Of those who wait, which is this share, waits are exponential with the rate at which the fleet gains on arrivals.
    const share = erlangC(workers, perSecond * workSeconds);
    const quantile = (q: number) => Math.max(0, Math.log(share / (1 - q)) / (workers / workSeconds - perSecond));
    for (const [q, measured] of [
      [0.95, waits.normal?.p95Seconds],
      [0.99, waits.normal?.p99Seconds],
    ] as const) {
      expect((measured ?? 0) / quantile(q)).toBeGreaterThan(0.9);
      expect((measured ?? 0) / quantile(q)).toBeLessThan(1.1);
    }
  });

  it('gives what a lost machine did to others when its leases end, and loses nothing', () => {
    const jobs = Array.from({ length: 8 }, () => ({
      atSeconds: 0,
      workSeconds: 100,
      tenant: 'a',
      lane: 'live' as const,
    }));
    const trace = { ...traceOf('lost', jobs, 0), loss: { atSeconds: 12, share: 0.5 } };
    const report = fixed(trace, 16);
    expect(report).toMatchObject({ jobsLeft: 0, jobsRunAgain: 4 });
    // Renewed last at 10 s; other machines stand idle all the time.
    expect(report.waits.live?.maxSeconds).toBe(10 + LEASE_MS / 1000);
  });

  it('lets a machine that is given up finish, and pays for it until then', () => {
    const jobs = [0, 1].map(() => ({ atSeconds: 0, workSeconds: 100, tenant: 'a', lane: 'live' as const }));
    const policy = { ...SCALING_POLICY_DEFAULT, workersMax: 2 };
    const trace = traceOf('drain', jobs, 0);
    const report = simulate({ name: 'one', trace, model: UNLIMITED, decide: decideFixed(1), policy, machines: 2 });
    expect(report).toMatchObject({ jobsLeft: 0, jobsRunAgain: 0, changes: 1, seconds: 100 });
    expect(report.machineHours).toBeCloseTo(200 / 3_600);
  });

  it.each([
    ['claims', { claimsPerSecond: 50 }],
    ['storeWrites', { storeWritesPerSecond: 150, writesPerJob: 3 }],
    ['network', { networkBytesPerSecond: 1e6, bytesPerJob: 1e6 / 5 }],
  ] as const)('does no more than %s allow, and says so', (resource, limit) => {
    const trace = makeTrace('half-lost', { perSecond: 100, workSeconds: 0.05, seconds: 60, seed: 1 });
    const { loss: _, ...whole } = trace;
    const report = fixed(whole, 10, limit);
    expect(report.jobs).toBeGreaterThan(5_500);
    expect(report.jobsPerSecond).toBeLessThan(51);
    expect(report.resources[resource].exhaustedAtSeconds).toBeLessThan(60);
    if (resource === 'claims') expect(report.firstBottleneck).toBe('claims');
    expect(report.jobsLeft).toBe(0);
  });

  it('gives the same report for the same plan', () => {
    const made = () => makeTrace('bulk-import', { perSecond: 5, workSeconds: 0.2, seconds: 120, seed: 9 });
    const plan = () => ({ trace: made(), model: PLAN_MODEL_DEFAULT, policy: SCALING_POLICY_DEFAULT });
    const once = planFleet({ ...plan(), policies: PLAN_POLICIES });
    expect(once.map(({ jobs }) => jobs)[0]).toBeGreaterThan(1_500);
    expect(planFleet({ ...plan(), policies: PLAN_POLICIES })).toEqual(once);
  });

  it('ends, and says what is left, when nobody works', () => {
    const trace = traceOf('none', [{ atSeconds: 0, workSeconds: 1, tenant: 'a', lane: 'normal' }], 0);
    expect(fixed(trace, 0)).toMatchObject({ jobsLeft: 1, utilisation: 0, cost: 0 });
  });
});

describe('a crowd of twenty times as many within a minute', () => {
  const trace = makeTrace('flash-crowd', { perSecond: 5, workSeconds: 0.2, seed: 1 });
  const policy = { ...SCALING_POLICY_DEFAULT, workersMax: 400 };
  const [drain, cpu, still] = planFleet({ trace, model: PLAN_MODEL_DEFAULT, policy, policies: PLAN_POLICIES });

  it('waits less under the drain-time policy than under a CPU threshold or before a fixed fleet', () => {
    const p95 = [drain, cpu, still].map((report) => report?.waits.normal?.p95Seconds ?? Number.NaN);
    expect(p95[0]).toBeLessThan((p95[1] ?? 0) / 2);
    expect(p95[0]).toBeLessThan((p95[2] ?? 0) / 2);
  });

  it('is paid for by the hour of each machine, started or draining, and nothing is left undone', () => {
    for (const report of [drain, cpu, still]) {
      expect(report?.jobsLeft).toBe(0);
      expect(report?.cost).toBeCloseTo((report?.machineHours ?? 0) * PLAN_MODEL_DEFAULT.costPerMachineHour);
      expect(report?.machineHoursOver).toBeLessThanOrEqual(report?.machineHours ?? 0);
    }
    expect(still?.changes).toBe(0);
    expect(drain?.changes).toBeGreaterThan(2);
  });
});

describe('an import of what two hours bring, within a minute', () => {
  const trace = makeTrace('bulk-import', { perSecond: 5, workSeconds: 0.2, seed: 1 });
  const plan = { trace, model: PLAN_MODEL_DEFAULT, policies: PLAN_POLICIES };
  const [drain, cpu, still] = planFleet({ ...plan, policy: { ...SCALING_POLICY_DEFAULT, workersMax: 400 } });

  it('is done within its objective by fewer machine-hours than under a CPU threshold, and nobody else waits', () => {
    expect(drain?.waits.batch?.lateShare).toBe(0);
    expect(drain?.waits.normal?.p95Seconds).toBeLessThan(1);
    expect(drain?.cost).toBeLessThan((cpu?.cost ?? 0) / 2);
    expect(drain?.cost).toBeLessThan(still?.cost ?? 0);
  });

  it('is done sooner where less patience is told, for more money', () => {
    const hasty = { ...SCALING_POLICY_DEFAULT.waitSecondsObjective, batch: 600 };
    const policy = { ...SCALING_POLICY_DEFAULT, workersMax: 400, waitSecondsObjective: hasty };
    const [sooner] = planFleet({ ...plan, policies: ['drain-time'], policy });
    expect(sooner?.waits.batch?.maxSeconds).toBeLessThan(600);
    expect(sooner?.cost).toBeGreaterThan(drain?.cost ?? 0);
  });
});

it('a crowd of small pictures gets as many machines as the database can keep busy, and is served sooner so', () => {
  const trace = makeTrace('flash-crowd', { perSecond: 10, workSeconds: 0.1, seed: 1 });
  const served = (claimsPerSecondMax: number) => {
    const policy = { ...SCALING_POLICY_DEFAULT, workersMax: 400, claimsPerSecondMax };
    return planFleet({ trace, model: PLAN_MODEL_DEFAULT, policy, policies: ['drain-time'] })[0];
  };
  const [bounded, unbounded] = [served(PLAN_MODEL_DEFAULT.claimsPerSecond), served(Number.POSITIVE_INFINITY)];
  expect(bounded?.machinesMax).toBeLessThan((unbounded?.machinesMax ?? 0) / 2);
  expect(bounded?.waits.normal?.p95Seconds).toBeLessThan(unbounded?.waits.normal?.p95Seconds ?? 0);
  expect(bounded?.resources.claims.exhaustedAtSeconds).not.toBeNull();
});

it('a line of growing fleets bends where what they share is used up', () => {
  const model = {
    ...PLAN_MODEL_DEFAULT,
    claimsPerSecond: 2_000,
    claimsPerTending: 0,
    upkeepPerMachine: 0,
    storeWritesPerSecond: 1e6,
  };
  const points = scalingCurve(model, 0.2, [10, 100, 400, 1_000]);
  expect(points.map(({ limitedBy }) => limitedBy)).toEqual([null, null, 'claims', 'claims']);
  expect(points[0]?.shareOfIdeal).toBeGreaterThan(0.95);
  expect(points[2]?.jobsPerSecond).toBeCloseTo(2_000, -2);
  expect(scalingCurve({ ...model, claimsPerSecond: 1e6 }, 0.2, [400])[0]?.limitedBy).toBe('connections');
  expect(scalingCurve({ ...model, storeWritesPerSecond: 1_500 }, 0.2, [100])[0]?.limitedBy).toBe('storeWrites');
});

/** The share that waits of Poisson arrivals that keep `load` of `workers` busy. */
function erlangC(workers: number, load: number): number {
  let blocked = 1;
  for (let n = 1; n <= workers; n += 1) blocked = (load * blocked) / (n + load * blocked);
  return blocked / (1 - (load / workers) * (1 - blocked));
}
