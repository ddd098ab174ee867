import { PlacesTakenError } from '../core/tenant-places.ts';
import type { Transaction } from '../db/database.ts';
import { countPending } from './pending.sql.ts';

/**
 * What one picture's jobs may owe to people who wait: a page's widths in three formats are half of it, and a job of that
 * many outputs still ends within its deadline.
 */
const OF_ORIGINAL_MAX = 64;

/** Lanes into which URLs order: somebody waits, or has something else already. */
export type UrlLane = keyof typeof countPending;

/** Renditions of a lane that are not made. */
export interface PendingCounts {
  readonly ofTenant: number;
  readonly ofOriginal: number;
}

/** @param ofTenantMax as far as which is counted */
export async function countPendingOf(
  tx: Transaction,
  { tenantId, originalId, lane }: { readonly tenantId: string; readonly originalId: string; readonly lane: UrlLane },
  ofTenantMax: number,
): Promise<PendingCounts> {
  const values = [tenantId, originalId, ofTenantMax];
  const [row] = await tx.query<{ of_tenant: number; of_original: number }>(countPending[lane], values);
  return { ofTenant: row?.of_tenant ?? 0, ofOriginal: row?.of_original ?? 0 };
}

/**
 * Refuses a further rendition while a tenant has as many in the lane as it may have that are not made: URLs can be
 * thought up faster than pictures can be made. Orders at the same moment may pass together.
 * @throws PlacesTakenError with the bound.
 */
export function refuseFlood({ ofTenant, ofOriginal }: PendingCounts, ofTenantMax: number): void {
  if (ofTenant >= ofTenantMax) {
    throw new PlacesTakenError({ name: 'pendingRenditionsOfTenantMax', limit: ofTenantMax, actual: ofTenant });
  }
  if (ofOriginal >= OF_ORIGINAL_MAX) {
    throw new PlacesTakenError({ name: 'pendingRenditionsOfImageMax', limit: OF_ORIGINAL_MAX, actual: ofOriginal });
  }
}

/** How many renditions the tenant has pending in the lane `batch`, as far as `countMax`. */
export async function countBatchPending(tx: Transaction, tenantId: string, countMax: number): Promise<number> {
  const [row] = await tx.query<{ of_tenant: number }>(countPending.batch, [tenantId, '', countMax]);
  return row?.of_tenant ?? 0;
}
