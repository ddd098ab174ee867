import type { Database, Transaction } from '../db/database.ts';
import {
  ACQUIRE_SEALER_LEASE,
  ADOPT_RESTORED_EVENTS,
  FENCE_SEALER,
  RELEASE_SEALER_LEASE,
  RENEW_SEALER_LEASE,
  TELL_SEALER,
} from './lease.sql.ts';
import { SEAL_CHANNEL, SEALER_RELEASED } from './model.ts';

/** The right to seal: of one holder, until it ends or passes to another. */
export interface SealerLease {
  readonly holder: string;
  readonly token: number;
}

/** Where the log stands: the last position given and the link there. */
export interface LogHead {
  readonly logPosition: number;
  readonly logHash: Uint8Array;
}

/** The log's head as the fence found it. */
export interface FencedHead extends LogHead {
  /** The database's time, to the millisecond. */
  readonly now: Date;
}

interface HeadRow {
  log_position: number;
  log_hash: Buffer;
  now: Date;
}

/** The lease has passed to another; nothing was written. */
export class DeposedError extends Error {
  override readonly name = 'DeposedError';
}

// Between two statements a live sealer needs well under a millisecond.
const FROZEN_MS_MAX = 5_000;

/** Takes the lease if it is free or over; undefined when another holds it. Times are the database's. */
export async function acquireSealerLease(
  database: Database,
  holder: string,
  leaseMs: number,
): Promise<{ lease: SealerLease; head: FencedHead } | undefined> {
  return database.transaction(async (tx) => {
    const [row] = await tx.query<HeadRow & { token: number }>(ACQUIRE_SEALER_LEASE, [holder, leaseMs]);
    if (!row) return undefined;
    await tx.query(ADOPT_RESTORED_EVENTS);
    return { lease: { holder, token: row.token }, head: headOf(row) };
  });
}

/** @throws DeposedError */
export async function renewSealerLease(database: Database, lease: SealerLease, leaseMs: number): Promise<void> {
  const rows = await database.query(RENEW_SEALER_LEASE, [lease.holder, lease.token, leaseMs]);
  if (rows.length === 0) throw new DeposedError(`the sealer's lease ${lease.token} has passed to another`);
}

export async function releaseSealerLease(database: Database, lease: SealerLease): Promise<void> {
  await database.query(RELEASE_SEALER_LEASE, [lease.holder, lease.token, SEAL_CHANNEL, SEALER_RELEASED]);
}

/** Tells whichever node seals that events have been committed. */
export async function tellSealer(database: Database): Promise<void> {
  await database.query(TELL_SEALER, [SEAL_CHANNEL]);
}

/**
 * Every writing transaction of the sealer begins here; until its commit the lease cannot pass to another.
 * @throws DeposedError
 */
export async function fence(tx: Transaction, lease: SealerLease): Promise<FencedHead> {
  const [row] = await tx.query<HeadRow>(FENCE_SEALER, [lease.holder, lease.token, String(FROZEN_MS_MAX)]);
  if (!row) throw new DeposedError(`the sealer's lease ${lease.token} has passed to another`);
  return headOf(row);
}

function headOf(row: HeadRow): FencedHead {
  return { logPosition: row.log_position, logHash: row.log_hash, now: row.now };
}
