import type { Transaction } from '../db/database.ts';
import { ERASE_IN_INBOX, ERASE_IN_LOG, ERASE_TENANT_IN_INBOX, ERASE_TENANT_IN_LOG } from './erase.sql.ts';

/** So many are looked at in a few tens of milliseconds. */
const STRETCH_POSITIONS = 5_000;

/**
 * Removes the personal fields of everything that the log tells of an image, and their salts, without which the digests
 * that stay can be matched to nothing. The chain still verifies.
 */
export async function eraseImageEvents(tx: Transaction, tenantId: string, imageId: string): Promise<void> {
  // The inbox first: what the sealer moves in between, the second statement finds in the log.
  await tx.query(ERASE_IN_INBOX, [tenantId, imageId]);
  await tx.query(ERASE_IN_LOG, [tenantId, imageId]);
}

/**
 * The same for the whole log of a tenant, a stretch of positions at a time.
 * @returns how many events lost their personal fields, and behind which position to go on; undefined at the end.
 */
export async function eraseTenantEvents(
  tx: Transaction,
  tenantId: string,
  after: number,
): Promise<{ readonly erased: number; readonly next: number | undefined }> {
  const inbox = await tx.query(ERASE_TENANT_IN_INBOX, [tenantId]);
  const upTo = after + STRETCH_POSITIONS;
  const [row] = await tx.query<{ erased: number; head: number }>(ERASE_TENANT_IN_LOG, [tenantId, after, upTo]);
  const { erased, head } = row ?? { erased: 0, head: 0 };
  return { erased: inbox.length + erased, next: head > upTo ? upTo : undefined };
}
