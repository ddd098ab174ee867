import { backoffMs } from '../core/backoff.ts';
import { invariant } from '../core/invariant.ts';
import { type Cause, type JobState, LANES, type Lane, type Misfortunes } from './model.ts';

/**
 * What the queue decides, without I/O: order, shares, expiry, and what follows each misfortune. The SQL beside it and
 * the simulator both follow this file; a model-based test holds the SQL to it.
 */

/** A vanished node's job waits this long; long enough for two renewals to be lost. */
export const LEASE_MS = 15_000;
export const RENEW_EVERY_MS = 5_000;
/** Between two looks of one node for leases that ran out and delayed jobs that fell due, where few nodes look. */
export const REAP_EVERY_MS = 1_000;
/** Looks of all nodes together, however many there are: two are seldom further apart than a second. */
const REAPS_PER_SECOND = 4;
/** A lease that ends further ahead than this was written before the clock was set back. */
export const LEASE_AHEAD_MS_MAX = 2 * LEASE_MS;
export const RETRY_BACKOFF = { baseMs: 1_000, capMs: 60_000 } as const;
/** Failures that a later try may mend seldom outlive five tries over two minutes. */
export const ATTEMPTS_MAX = 5;
/** Nodes die without a job's doing, so this is high; but a job that takes whole nodes with it must end. */
export const EXPIRIES_MAX = 10;
/** One charge is at most eleven days, so that no weight can carry virtual time beyond a safe integer. */
export const CHARGE_MICROS_MAX = 1e12;
/** A day: no job is that long, and joined ones stay within it. */
export const COST_MICROS_MAX = 86_400_000_000;

export type JobEvent =
  | 'claim'
  | 'complete'
  | 'requeue'
  | 'delay'
  | 'bury'
  | 'fallDue'
  | 'revive'
  | 'cancel'
  | 'hold'
  | 'release';

/** Where each event takes a job; null: its row is deleted. A leased one is held only of a tenant that is deleted. */
const NEXT = {
  queued: { claim: 'leased', hold: 'held', cancel: null },
  delayed: { fallDue: 'queued', hold: 'held', cancel: null },
  held: { release: 'queued', cancel: null },
  leased: { complete: null, requeue: 'queued', delay: 'delayed', bury: 'dead', hold: 'held', cancel: null },
  dead: { revive: 'queued', cancel: null },
} as const satisfies Record<JobState, Partial<Record<JobEvent, JobState | null>>>;

/** The state after `event`, null when the job's row is deleted, undefined when the event cannot happen. */
export function nextState(state: JobState, event: JobEvent): JobState | null | undefined {
  const moves: Partial<Record<JobEvent, JobState | null>> = NEXT[state];
  return moves[event];
}

/**
 * The lanes in the order in which a claim tries them. Over a hundred tickets `live` is first 90 times, `normal` 9,
 * `batch` once, spread evenly; a lane with nothing ready passes its turn on, so no worker idles while work waits.
 * The migration's `lane_order` says the same in SQL.
 */
export function laneOrder(ticket: number): readonly Lane[] {
  if (ticket % 100 === 50) return ['batch', 'live', 'normal'];
  if ((ticket % 100) % 11 === 5) return ['normal', 'live', 'batch'];
  // While `live` is empty its turns go on 81 : 9, so that `normal` and `batch` keep 9 : 1.
  if (ticket % 10 === 9) return ['live', 'batch', 'normal'];
  return LANES;
}

/**
 * When a node looks again for leases that ran out and delayed jobs that fell due. Each node does, so that nobody's death
 * stops it, and the more there are the less often each: a look of every node in every second took two claims of the
 * database each, all that it can serve with 400 nodes.
 * @param supervisors nodes with workers, as far as is known. All others may have vanished since: none waits longer than a
 * lease. @param chance in [0, 1): spreads them.
 */
export function reapDelayMs(supervisors: number, chance: number): number {
  const fairMs = (supervisors * 1_000) / REAPS_PER_SECOND;
  if (fairMs <= REAP_EVERY_MS) return REAP_EVERY_MS;
  return Math.min(fairMs, LEASE_MS / 1.5) * (0.5 + chance);
}

export function isMoreUrgent(lane: Lane, than: Lane): boolean {
  return LANES.indexOf(lane) < LANES.indexOf(than);
}

/** What a job costs its tenant in virtual microseconds: twice the weight, half the charge. */
export function charge(costMicros: number, weight: number): number {
  return Math.min(Math.max(Math.round(costMicros / weight), 1), CHARGE_MICROS_MAX);
}

/**
 * Start-time fair queuing (Goyal, Vin, Cheng, SIGCOMM 1996): a job starts where its tenant's last one ends, but not
 * before the lane's clock, so that idleness earns no credit.
 */
export function virtualStart(virtualFinish: number, laneClock: number): number {
  return Math.max(virtualFinish, laneClock);
}

/**
 * Whether a new job of the `live` lane, for which a worker stands ready, is leased as it is made: if none that waits in
 * the lane has its start before it or with it, a claim by that worker would take it all the same.
 */
export function isLeasedAtBirth(virtualStart: number, startsWaiting: readonly number[]): boolean {
  return startsWaiting.every((start) => start > virtualStart);
}

/** A job that comes back stands where it stood: at the head, for the clock has passed it. */
export function virtualReturn(virtualStart: number, laneClock: number): number {
  return Math.max(virtualStart, laneClock);
}

export function isLeaseExpired(leaseUntilMs: number, nowMs: number): boolean {
  return leaseUntilMs < nowMs || leaseUntilMs > nowMs + LEASE_AHEAD_MS_MAX;
}

/** Further ahead than the longest delay means that the clock was set back since. */
export function isDue(readyAtMs: number, nowMs: number): boolean {
  return readyAtMs <= nowMs || readyAtMs > nowMs + RETRY_BACKOFF.capMs;
}

export type Release =
  /** The node is going down in good order: nothing has gone wrong with the job. */
  | { readonly reason: 'drain' }
  /** The worker process died with the job. */
  | { readonly reason: 'worker_died'; readonly message: string }
  /** The worker lived and reported a failure that another try may mend. */
  | { readonly reason: 'retry'; readonly cause: Cause };

export interface Outcome extends Misfortunes {
  readonly state: 'queued' | 'delayed' | 'dead';
  readonly delayMs: number;
  readonly cause: Cause | null;
}

/** What becomes of a leased job that is given back; `random` is uniform in [0, 1). */
export function afterRelease(before: Misfortunes, release: Release, random: number): Outcome {
  switch (release.reason) {
    case 'drain':
      return outcome('requeue', before, {});
    case 'worker_died': {
      const crashes = before.crashes + 1;
      const cause = { code: 'worker_crashed', message: release.message };
      // Once may be a neighbour's fault; alone in a fresh process it can only be the job's.
      return outcome(before.solitary ? 'bury' : 'requeue', before, { crashes, solitary: true, cause });
    }
    case 'retry': {
      const attempts = before.attempts + 1;
      if (attempts >= ATTEMPTS_MAX) return outcome('bury', before, { attempts, cause: release.cause });
      const delayMs = backoffMs(attempts, RETRY_BACKOFF, random);
      return outcome('delay', before, { attempts, delayMs, cause: release.cause });
    }
  }
}

/** What becomes of a job whose lease ran out: its node is gone or cut off, which is seldom the job's doing. */
export function afterExpiry(before: Misfortunes): Outcome {
  const expiries = before.expiries + 1;
  const cause = { code: 'lease_expired', message: `the lease ran out ${expiries} times without an end` };
  return outcome(expiries >= EXPIRIES_MAX ? 'bury' : 'requeue', before, { expiries, cause });
}

/** What becomes of a dead job that is tried again: a clean slate, but a killer of workers still runs alone. */
export function afterRevival(before: Misfortunes): Misfortunes {
  return { attempts: 0, crashes: 0, expiries: 0, solitary: before.solitary };
}

function outcome(event: JobEvent, before: Misfortunes, change: Partial<Outcome>): Outcome {
  const state = nextState('leased', event);
  invariant(state === 'queued' || state === 'delayed' || state === 'dead', `a leased job cannot ${event}`);
  const { attempts, crashes, expiries, solitary } = before;
  return { attempts, crashes, expiries, solitary, delayMs: 0, cause: null, ...change, state };
}
