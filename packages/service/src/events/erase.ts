import type { Transaction } from '../db/database.ts';
import { ERASE_IN_INBOX, ERASE_IN_LOG } from './erase.sql.ts';

/**
 * Removes the personal fields of everything that the log tells of an image, and their salts, without which the digests
 * that stay can be matched to nothing. The chain still verifies.
 */
export async function eraseImageEvents(tx: Transaction, tenantId: string, imageId: string): Promise<void> {
  // The inbox first: what the sealer moves in between, the second statement finds in the log.
  await tx.query(ERASE_IN_INBOX, [tenantId, imageId]);
  await tx.query(ERASE_IN_LOG, [tenantId, imageId]);
}
