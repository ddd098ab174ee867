import type { Queryable, Transaction } from '../db/database.ts';
import type { Decision, Observations, ScalingPolicy } from './policy.ts';
import {
  FORGET_DECISIONS,
  KEEP_DECISION,
  LIST_CHANGES,
  LIST_DECISIONS,
  NOTE_FAILURE,
  READ_LEADER,
} from './scaling.sql.ts';

/** Of the lease under which one node decides for all. */
export const SCALER_LEASE = 'scaler';

/** Whose machines the scaler orders; `none`: it decides, and others may read what. */
export type PoolName = 'none' | 'processes' | 'kubernetes';

/** As JSON keeps numbers: infinity is null. */
type Kept<T> = { readonly [K in keyof T]: T[K] extends number ? number | null : T[K] };
/** What decisions of an earlier version were kept without. */
type Later<T, K extends keyof T> = Omit<T, K> & Partial<Pick<T, K>>;

/** A decision as it was kept. */
export interface ScalingDecision extends Decision {
  readonly id: number;
  readonly at: Date;
  readonly nodeId: string;
  readonly pool: PoolName;
  /** Workers ready and starting when it was made. */
  readonly workersBefore: number;
  readonly observations: Later<Observations, 'workSecondsArrivingBatch' | 'claimsPerWorker'> &
    Pick<Kept<Observations>, 'secondsSinceUp' | 'secondsSinceDown'>;
  readonly policy: Later<ScalingPolicy, 'claimsPerSecondMax'> &
    Pick<Kept<ScalingPolicy>, 'costPerHourMax'> & { readonly claimsPerSecondMax?: number | null };
  /** Why the pool did not take the order; null: it did, or there was none. */
  readonly failure: string | null;
  /** Since it was made, by the database's clock. */
  readonly ageSeconds: number;
}

export interface NewDecision {
  readonly token: number;
  readonly nodeId: string;
  readonly pool: PoolName;
  readonly decision: Decision;
  readonly observations: Observations;
  readonly policy: ScalingPolicy;
}

/** A day of decisions every two seconds. */
const DECISIONS_KEPT = 50_000;
/** Those that changed the fleet are kept as far back as so many decisions; with it the table is at most some 200 MB. */
const CHANGES_KEPT = 200_000;
const FORGET_EVERY = 500;

/** Keeps a decision, with all that it was made of, and drops what is too old. @returns its id. */
export async function keepDecision(tx: Transaction, made: NewDecision): Promise<number> {
  const { token, nodeId, pool, decision, observations, policy } = made;
  const [row] = await tx.query<{ id: number }>(KEEP_DECISION, [
    token,
    nodeId,
    pool,
    observations.workersReady + observations.workersStarting,
    decision.workers,
    decision.workersNeeded,
    decision.reason,
    decision.cutBy,
    decision.drainSeconds,
    JSON.stringify(observations),
    JSON.stringify(policy),
  ]);
  const id = row?.id ?? 0;
  if (id % FORGET_EVERY === 0) await tx.query(FORGET_DECISIONS, [id, DECISIONS_KEPT, CHANGES_KEPT]);
  return id;
}

/** Notes why the pool of machines did not take the order of a decision. */
export async function noteFailure(database: Queryable, decisionId: number, failure: string): Promise<void> {
  await database.query(NOTE_FAILURE, [decisionId, failure]);
}

/** Decisions, the newest first: those older than `before`, all or only those that changed the size of the fleet. */
export async function listDecisions(
  database: Queryable,
  page: { readonly before?: number | undefined; readonly limit: number; readonly changesOnly?: boolean },
): Promise<ScalingDecision[]> {
  const { before = Number.MAX_SAFE_INTEGER, limit, changesOnly = false } = page;
  return database.query<ScalingDecision>(changesOnly ? LIST_CHANGES : LIST_DECISIONS, [before, limit]);
}

/** The node that decides now, if any does. */
export async function readScalerLeader(database: Queryable): Promise<string | undefined> {
  const [row] = await database.query<{ holder: string }>(READ_LEADER, [SCALER_LEASE]);
  return row?.holder;
}
