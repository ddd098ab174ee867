import type { Transaction } from '../db/database.ts';
import { statement } from '../db/statement.ts';
import { cancelJobs } from '../jobs/index.ts';

const dropUnmade = statement(
  'drop_unmade_renditions',
  "DELETE FROM renditions WHERE tenant_id = $1 AND original_id = $2 AND state <> 'ready'",
);

/**
 * Ends all work on an original of which no image is delivered any more: its jobs are cancelled, and what they would have
 * made is forgotten, for it is ordered anew when somebody wants it. What is ready stays. The caller holds it locked.
 */
export async function restOriginal(tx: Transaction, tenantId: string, originalId: string): Promise<void> {
  await cancelJobs(tx, tenantId, originalId);
  await tx.query(dropUnmade, [tenantId, originalId]);
}
