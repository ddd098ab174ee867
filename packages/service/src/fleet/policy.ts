import type { ScalingBound, ScalingReason } from '@safelight/contract';
import { invariant } from '../core/invariant.ts';
import { LANES, type Lane } from '../jobs/index.ts';

/**
 * How many workers the fleet should have: pure, called by the scaler role and by the simulator.
 *
 * The signal is the time that the backlog takes to drain, against the queue-wait objective. CPU says nothing about it: a
 * busy fleet may be exactly large enough, and at 100 % nobody can tell a backlog of a second from one of an hour.
 */

/** What the scaler sees. Work is predicted CPU time; rates are means over about the last minute. */
export interface Observations {
  /** Work of the jobs that wait, in seconds. */
  readonly workSecondsQueued: Readonly<Record<Lane, number>>;
  /** Jobs that wait, all lanes; more workers than that would stand idle. */
  readonly jobsQueued: number;
  /** The longest wait so far of a job in each lane, in seconds; 0 where none waits. */
  readonly waitSecondsOldest: Readonly<Record<Lane, number>>;
  /** Work that was asked for per second, in seconds: how many workers of speed 1 it keeps busy. All lanes. */
  readonly workSecondsArriving: number;
  /** Of it, what came into `batch`: nobody waits for it, and only its backlog counts. */
  readonly workSecondsArrivingBatch: number;
  /** Work that one busy worker does per second, in seconds, above 0; 1 where predictions are exact. */
  readonly workSecondsPerSecond: number;
  /** Worker processes that claim jobs. */
  readonly workersReady: number;
  /** Ordered, but not ready yet. */
  readonly workersStarting: number;
  /** Finishing their last job: they take no more, but still cost and still hold connections. */
  readonly workersDraining: number;
  /** Share of the ready workers' time that was busy, 0 to 1: what a CPU threshold looks at, and only that. */
  readonly busyShare: number;
  /** From ordering a worker to its first claim, in seconds. */
  readonly startSeconds: number;
  readonly costPerWorkerHour: number;
  readonly databaseConnectionsUsed: number;
  /** Connections that the database grants in all. */
  readonly databaseConnectionsMax: number;
  readonly connectionsPerWorker: number;
  /** What a worker's share of its machine's upkeep takes of the claims that the database can serve, in claims per second. */
  readonly claimsPerWorker: number;
  /** Since the scaler last asked for more workers; Infinity if never. */
  readonly secondsSinceUp: number;
  /** Since the scaler last asked for fewer; Infinity if never. */
  readonly secondsSinceDown: number;
}

export interface ScalingPolicy {
  readonly workersMin: number;
  readonly workersMax: number;
  /** How long a job of each lane may wait. */
  readonly waitSecondsObjective: Readonly<Record<Lane, number>>;
  /** The fleet's cost per hour at most, draining workers included; Infinity for no ceiling. */
  readonly costPerHourMax: number;
  /** Connections left to API nodes and to people. */
  readonly databaseConnectionsReserved: number;
  /** Jobs that the database can hand out and end per second; Infinity for no bound. */
  readonly claimsPerSecondMax: number;
  /**
   * More workers are ordered when arrivals would keep the fleet busier than this, or when what waits in `batch` would need
   * a larger share of its objective.
   */
  readonly busyShareMax: number;
  /** Workers are given up only if the rest would be no busier than this: lower than `busyShareMax`, so that a fleet does not swing. */
  readonly busyShareAfterDown: number;
  /** None is given up for so long after more were ordered; three starts of a machine if that is longer. */
  readonly coolDownSeconds: number;
  /** Between two steps down. */
  readonly downEverySeconds: number;
  /** Of the fleet in one step down, at least one worker. */
  readonly downShareMax: number;
}

export const SCALING_POLICY_DEFAULT: ScalingPolicy = {
  workersMin: 1,
  workersMax: 16,
  // A pause for those who look, and an hour for an import that nobody looks at.
  waitSecondsObjective: { live: 10, normal: 10, batch: 3_600 },
  costPerHourMax: Number.POSITIVE_INFINITY,
  databaseConnectionsReserved: 10,
  // bench/plan-model.ts: PostgreSQL on two cores that others use too.
  claimsPerSecondMax: 760,
  // By Erlang C a job then waits 1.8 of its own times with 2 workers, 0.3 with 8 and 0.03 with 32.
  busyShareMax: 0.8,
  busyShareAfterDown: 0.6,
  coolDownSeconds: 120,
  downEverySeconds: 30,
  downShareMax: 0.25,
};

export interface Decision {
  /** Workers that should be ready or starting. */
  readonly workers: number;
  /** What the signal alone asks for, before slowness and bounds. */
  readonly workersNeeded: number;
  readonly reason: ScalingReason;
  /** The tightest ceiling first. Where the least and a ceiling contradict each other, the ceiling wins: money and connections are hard. */
  readonly cutBy: readonly ScalingBound[];
  /** Until what waits in `live` and `normal` is done by the ready workers if nothing more arrived; null: never. */
  readonly drainSeconds: number | null;
}

/** Every policy has this shape, so that they can be compared. */
export type Decide = (observations: Observations, policy: ScalingPolicy) => Decision;

/** Drain time against the objective; fast up, slow down. */
export function decide(observations: Observations, policy: ScalingPolicy): Decision {
  checkObservations(observations);
  const current = observations.workersReady + observations.workersStarting;
  const { workers: needed, reason } = workersNeeded(observations, policy);
  if (needed > current) return settle(observations, policy, { needed, wanted: needed, reason });
  const fewer = workersSufficient(observations, policy);
  if (fewer >= current || isLate(observations, policy)) {
    return settle(observations, policy, { needed, wanted: current, reason: 'steady' });
  }
  // A fleet at its least has nothing to give up, and is not cooling down either.
  if (current <= policy.workersMin) return settle(observations, policy, { needed, wanted: current, reason: 'steady' });
  if (!isCool(observations, policy)) {
    return settle(observations, policy, { needed, wanted: current, reason: 'cooling_down' });
  }
  const step = Math.max(1, Math.floor(current * policy.downShareMax));
  return settle(observations, policy, { needed, wanted: Math.max(fewer, current - step), reason: 'surplus' });
}

/** Of Kubernetes' HorizontalPodAutoscaler and its defaults: 10 % tolerance, at most twice as many or 4 more at a time. */
const CPU_TARGET = 0.7;
const CPU_TOLERANCE = 0.1;
const CPU_STABILISATION_SECONDS = 300;

/** What most fleets do: a threshold on busy CPUs. To compare with. */
export function decideByCpu(observations: Observations, policy: ScalingPolicy): Decision {
  checkObservations(observations);
  const { workersReady: ready, workersStarting, busyShare } = observations;
  const current = ready + workersStarting;
  const ratio = busyShare / CPU_TARGET;
  // Of a fleet of none there is no CPU to look at; such an autoscaler keeps at least one.
  const needed = Math.max(1, Math.abs(ratio - 1) <= CPU_TOLERANCE ? current : ceil(ready * ratio));
  if (needed > current) {
    const wanted = Math.min(needed, Math.max(2 * current, current + 4));
    return settle(observations, policy, { needed, wanted, reason: 'cpu_high' });
  }
  if (needed === current) return settle(observations, policy, { needed, wanted: current, reason: 'steady' });
  if (Math.min(observations.secondsSinceUp, observations.secondsSinceDown) < CPU_STABILISATION_SECONDS) {
    return settle(observations, policy, { needed, wanted: current, reason: 'cooling_down' });
  }
  return settle(observations, policy, { needed, wanted: needed, reason: 'cpu_low' });
}

/** The same number whatever happens. To compare with. */
export function decideFixed(workers: number): Decide {
  return (observations, policy) => settle(observations, policy, { needed: workers, wanted: workers, reason: 'fixed' });
}

/** The fleet that would keep up with arrivals and drain the backlog within the objective, counted from when new workers work. */
function workersNeeded(o: Observations, policy: ScalingPolicy): { workers: number; reason: ScalingReason } {
  const arrivals = arrivingUrgent(o) / (o.workSecondsPerSecond * policy.busyShareMax);
  const backlog = backlogWorkers(backlogWhenStarted(o), o, {
    live: drainWindow(policy, 'live', o.startSeconds),
    normal: drainWindow(policy, 'normal', o.startSeconds),
    batch: batchWindow(o, policy, policy.busyShareMax),
  });
  const computed = ceil(arrivals + backlog);
  // Predictions can be wrong, and the oldest wait cannot. Twice at most: a wait tells that it is too long, not by how many workers.
  const current = o.workersReady + o.workersStarting;
  const late = ceil(Math.max(1, current) * Math.min(2, lateness(o, policy)));
  if (late > computed && isLate(o, policy) && hasHadItsTime(o, policy)) return { workers: late, reason: 'late' };
  return { workers: computed, reason: arrivals > backlog ? 'arrivals' : 'backlog' };
}

/** The smaller fleet that would still be idle enough; the backlog as it is, for workers that go help with none of it. */
function workersSufficient(o: Observations, policy: ScalingPolicy): number {
  const arrivals = arrivingUrgent(o) / (o.workSecondsPerSecond * policy.busyShareAfterDown);
  const { live, normal } = policy.waitSecondsObjective;
  const batch = batchWindow(o, policy, policy.busyShareAfterDown);
  return ceil(arrivals + backlogWorkers(o.workSecondsQueued, o, { live, normal, batch }));
}

function arrivingUrgent(o: Observations): number {
  return Math.max(0, o.workSecondsArriving - o.workSecondsArrivingBatch);
}

type ByLane = Readonly<Record<Lane, number>>;

function backlogWorkers(work: ByLane, o: Observations, windowSeconds: ByLane): number {
  const rate = LANES.reduce((sum, lane) => sum + work[lane] / windowSeconds[lane], 0);
  // One long job cannot be shared out.
  return Math.min(rate / o.workSecondsPerSecond, o.jobsQueued);
}

/**
 * What will wait when a worker ordered now claims its first job. Machines that would come after the backlog has gone are
 * not ordered; those that come while it grows are ordered for what it will be. `batch` takes its time, and what arrives in
 * it takes no worker from the others.
 */
function backlogWhenStarted(o: Observations): ByLane {
  const gained = (o.workersReady * o.workSecondsPerSecond - arrivingUrgent(o)) * o.startSeconds;
  const { live, normal, batch } = o.workSecondsQueued;
  if (gained <= 0) return { live, normal: normal - gained, batch };
  const afterLive = Math.max(0, gained - live);
  return { live: Math.max(0, live - gained), normal: Math.max(0, normal - afterLive), batch };
}

/** Of the objective of `batch`: a window that closes would ask for an endless fleet. */
const BATCH_WINDOW_SHARE_MIN = 0.1;

/**
 * Until the oldest job of `batch` would have waited for a share of its objective. Of an import this asks for the same few
 * workers from its first minute to its last; of a stream, for as many as keep its wait at half of that share.
 */
function batchWindow(o: Observations, policy: ScalingPolicy, share: number): number {
  const objective = policy.waitSecondsObjective.batch;
  return Math.max(share * objective - o.waitSecondsOldest.batch, BATCH_WINDOW_SHARE_MIN * objective);
}

/** The start of a worker is part of the wait; where it takes most of the objective, half of the objective is left. */
function drainWindow(policy: ScalingPolicy, lane: Lane, startSeconds: number): number {
  const objective = policy.waitSecondsObjective[lane];
  return Math.max(objective - startSeconds, objective / 2);
}

/** The oldest wait of those that somebody waits for, in objectives. */
function lateness(o: Observations, policy: ScalingPolicy): number {
  const { live, normal } = policy.waitSecondsObjective;
  return Math.max(o.waitSecondsOldest.live / live, o.waitSecondsOldest.normal / normal);
}

function isLate(o: Observations, policy: ScalingPolicy): boolean {
  return lateness(o, policy) > 1;
}

/** Whether what was ordered last works already, and for so long that its effect shows. */
function hasHadItsTime(o: Observations, policy: ScalingPolicy): boolean {
  return o.workersStarting === 0 && o.secondsSinceUp >= o.startSeconds + policy.waitSecondsObjective.normal;
}

function isCool(o: Observations, policy: ScalingPolicy): boolean {
  const afterUp = Math.max(policy.coolDownSeconds, 3 * o.startSeconds);
  return o.secondsSinceUp >= afterUp && o.secondsSinceDown >= policy.downEverySeconds;
}

interface Wish {
  readonly needed: number;
  readonly wanted: number;
  readonly reason: ScalingReason;
}

/** Holds a wish within the bounds and says which of them cut it. */
function settle(o: Observations, policy: ScalingPolicy, { needed, wanted, reason }: Wish): Decision {
  const current = o.workersReady + o.workersStarting;
  const least = Math.max(wanted, policy.workersMin);
  const ceilings = upperBounds(o, policy);
  const workers = Math.min(least, ...ceilings.map(([, most]) => most));
  const cutBy: ScalingBound[] = ceilings
    .filter(([, most]) => least > most)
    .toSorted(([, a], [, b]) => a - b)
    .map(([bound]) => bound);
  if (workers > wanted) cutBy.unshift('min');
  return {
    workers,
    workersNeeded: needed,
    reason: settledReason({ wanted, workers, current, reason }),
    cutBy,
    drainSeconds: drainSeconds(o),
  };
}

function settledReason(made: {
  wanted: number;
  workers: number;
  current: number;
  reason: ScalingReason;
}): ScalingReason {
  const { wanted, workers, current, reason } = made;
  if (reason === 'fixed') return reason;
  if (workers < current && wanted >= current) return 'over_bound';
  if (workers > current && wanted <= current) return 'below_min';
  return reason;
}

function upperBounds(o: Observations, policy: ScalingPolicy): readonly (readonly [ScalingBound, number])[] {
  const affordable =
    o.costPerWorkerHour > 0 ? floor(policy.costPerHourMax / o.costPerWorkerHour) - o.workersDraining : Infinity;
  return [
    ['max', policy.workersMax],
    ['cost', Math.max(0, affordable)],
    ['database_connections', connectable(o, policy)],
    ['queue_claims', claimable(o, policy)],
  ];
}

/** Below so many waiting jobs their mean says little of what the fleet does, and the queue shows that claims suffice. */
const JOBS_TOLD_MIN = 100;

/**
 * As many workers as the database can keep busy with jobs of the size of those that wait, besides looking after their
 * machines: one more would take claims from the others. Only for growth: what works already does no harm by staying.
 */
function claimable(o: Observations, policy: ScalingPolicy): number {
  if (policy.claimsPerSecondMax === Infinity || o.jobsQueued < JOBS_TOLD_MIN) return Infinity;
  const workSecondsPerJob = LANES.reduce((sum, lane) => sum + o.workSecondsQueued[lane], 0) / o.jobsQueued;
  if (workSecondsPerJob <= 0) return Infinity;
  const claimsPerSecond = o.workSecondsPerSecond / workSecondsPerJob + o.claimsPerWorker;
  return Math.max(o.workersReady + o.workersStarting, 1, Math.floor(policy.claimsPerSecondMax / claimsPerSecond));
}

/** Growth counts the connections that starting workers will still open; only what is really used makes the fleet shrink. */
function connectable(o: Observations, policy: ScalingPolicy): number {
  if (o.connectionsPerWorker <= 0) return Infinity;
  const current = o.workersReady + o.workersStarting;
  const free = o.databaseConnectionsMax - policy.databaseConnectionsReserved - o.databaseConnectionsUsed;
  if (free < 0) return Math.max(0, current + Math.floor(free / o.connectionsPerWorker));
  return Math.max(current, o.workersReady + Math.floor(free / o.connectionsPerWorker));
}

function drainSeconds(o: Observations): number | null {
  const work = o.workSecondsQueued.live + o.workSecondsQueued.normal;
  if (work <= 0) return 0;
  return o.workersReady > 0 ? work / (o.workersReady * o.workSecondsPerSecond) : null;
}

function checkObservations(o: Observations): void {
  invariant(o.workSecondsPerSecond > 0, 'a worker does some work per second');
  invariant(o.startSeconds >= 0, 'a start takes no negative time');
}

/** So that 0.1 + 0.2 of a worker is not one worker more than 0.3. */
const ROUNDING = 1e-9;

function ceil(value: number): number {
  return Math.max(0, Math.ceil(value - ROUNDING));
}

function floor(value: number): number {
  return Math.floor(value + ROUNDING);
}
