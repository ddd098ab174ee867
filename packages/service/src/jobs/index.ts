/**
 * The queue: deliveries of work to workers, in PostgreSQL, beside the rows they serve.
 *
 * `enqueue` inside a tenant's transaction, `claim` from a node, `renew` while its worker renders, `complete` in the
 * transaction that records the result, `release` when something went wrong; `reapExpired` and `tendQueue` run on every
 * worker node, each in its turn (`reapDelayMs`). `policy.ts` decides (order, shares, expiry, retries), the SQL obeys, and a model-based test compares.
 */
export { cancelJobs } from './cancel.ts';
export { CLAIM_JOBS_MAX, claim } from './claim.ts';
export { complete, completeMany, isHeld } from './complete.ts';
export { countJobs, type LaneCount } from './count.ts';
export { enqueue, enqueueLeased, enqueueMany } from './enqueue.ts';
export { readFlow, type WorkFlow } from './flow.ts';
export { forsakeLeases } from './forsake.ts';
export { holdJobs, releaseHeldJobs, revokeTenantLeases } from './hold.ts';
export { listJobs } from './list.ts';
export type {
  Cause,
  ClaimedJob,
  Enqueued,
  Job,
  JobState,
  Lane,
  Lease,
  Misfortunes,
  NewJob,
  WorkerCounts,
} from './model.ts';
export { LANES } from './model.ts';
export { promote } from './move.ts';
export type { Outcome, Release } from './policy.ts';
export {
  afterExpiry,
  charge,
  LEASE_MS,
  laneOrder,
  REAP_EVERY_MS,
  RENEW_EVERY_MS,
  reapDelayMs,
  virtualReturn,
  virtualStart,
} from './policy.ts';
export { type Expired, lookAtQueue, type QueueLook, reapExpired, type Tended, tendQueue } from './reap.ts';
export { release } from './release.ts';
export { renew } from './renew.ts';
export { keepReservation } from './reservation.ts';
export { retryDead } from './retry-dead.ts';
export { JobWaker, type JobWakerOptions } from './waker.ts';
