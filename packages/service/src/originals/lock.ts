import type { Transaction } from '../db/database.ts';
import { hotStatement, statement } from '../db/statement.ts';

/**
 * Locks are taken in the order originals, jobs, renditions: so no two transactions wait for each other. A share lock
 * lets completions of two jobs of one original pass, and holds up a new upload of the same bytes: the upload then sees
 * what is ready, or the completion sees the new image.
 */
const LOCKS = {
  share: hotStatement(
    'lock_original_share',
    'SELECT 1 FROM originals WHERE tenant_id = $1 AND original_id = $2 FOR SHARE',
  ),
  change: hotStatement(
    'lock_original_change',
    'SELECT 1 FROM originals WHERE tenant_id = $1 AND original_id = $2 FOR NO KEY UPDATE',
  ),
  remove: statement(
    'lock_original_remove',
    'SELECT 1 FROM originals WHERE tenant_id = $1 AND original_id = $2 FOR UPDATE',
  ),
} as const;

/** Locks the original until the commit. @returns false when it is gone. */
export async function lockOriginal(
  tx: Transaction,
  tenantId: string,
  originalId: string,
  mode: keyof typeof LOCKS,
): Promise<boolean> {
  return (await tx.query(LOCKS[mode], [tenantId, originalId])).length === 1;
}
