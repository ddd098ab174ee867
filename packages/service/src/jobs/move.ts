import type { Queryable, Transaction } from '../db/database.ts';
import { LANES, type Lane } from './model.ts';
import { findMovable, lockAccounts, moveJobToLane } from './move.sql.ts';
import { CHARGE_MICROS_MAX, isMoreUrgent } from './policy.ts';

export interface Move {
  readonly tenantId: string;
  readonly jobId: string;
  readonly lane: Lane;
  /** The part of the job's cost, in microseconds, that the new lane was charged already. */
  readonly costCharged?: number;
}

/**
 * Moves a waiting job to the `live` lane, because somebody waits on a request. Its charge moves along, so a tenant
 * gains no more than its fair share of that lane; a retry's delay stays. Nothing happens to a job that is there
 * already, is leased, dead or gone.
 * @returns whether the job was moved.
 */
export async function promote(tx: Transaction, tenantId: string, jobId: string): Promise<boolean> {
  return moveJob(tx, { tenantId, jobId, lane: 'live' });
}

/** Moves a waiting job to a more urgent lane; the transaction holds both of the tenant's accounts until it ends. */
export async function moveJob(tx: Queryable, move: Move): Promise<boolean> {
  const lanesBehind = LANES.filter((lane) => isMoreUrgent(move.lane, lane));
  const [found] = await tx.query<{ lane: Lane }>(findMovable, [move.tenantId, move.jobId, lanesBehind]);
  if (!found) return false;
  await tx.query(lockAccounts, [move.tenantId, [found.lane, move.lane]]);
  const moved = await tx.query(moveJobToLane, [
    move.tenantId,
    move.jobId,
    found.lane,
    move.lane,
    move.costCharged ?? 0,
    CHARGE_MICROS_MAX,
  ]);
  return moved.length > 0;
}
