import type { Database } from '../db/database.ts';
import { compareHours, compareStored, selectIsMetered } from './recount.sql.ts';

/** A place at which the meter says something else than the raw records. */
export interface UsageDifference {
  readonly tenantId: string;
  /** Null for what is stored now. */
  readonly hour: Date | null;
  readonly meter: string;
  /** Null where there is no such row. */
  readonly metered: number | null;
  readonly recounted: number | null;
}

export interface Recount {
  /** False while events are on their way to the meter: then what is stored cannot be compared, and is not. */
  readonly isMetered: boolean;
  /** As many as are told at most; empty when all agrees. */
  readonly differences: readonly UsageDifference[];
}

const DIFFERENCES_MAX = 1_000;

/**
 * Counts the usage of one tenant, or of all, again from the raw records, and what is stored from the tables, and names
 * what differs. One snapshot: nothing that goes on meanwhile looks like a difference.
 */
export async function recountUsage(database: Database, tenantId: string | undefined): Promise<Recount> {
  const values = [tenantId ?? null, DIFFERENCES_MAX];
  return database.transaction(async (tx) => {
    await tx.query('SET TRANSACTION ISOLATION LEVEL REPEATABLE READ, READ ONLY');
    await tx.query(`SET LOCAL statement_timeout = '1h'`);
    const [state] = await tx.query<{ isMetered: boolean }>(selectIsMetered);
    const hours = await tx.query<UsageDifference>(compareHours, values);
    const isMetered = state?.isMetered ?? false;
    const stored = isMetered ? await tx.query<Omit<UsageDifference, 'hour' | 'meter'>>(compareStored, values) : [];
    const now = stored.map((difference) => ({ ...difference, hour: null, meter: 'storedBytes' }));
    return { isMetered, differences: [...hours, ...now] };
  });
}
