import { invariant } from '../core/invariant.ts';
import type { Transaction } from '../db/database.ts';
import { statement } from '../db/statement.ts';

export interface ForgottenOriginal {
  /** To be removed from the object store after the commit. */
  readonly objectKey: string;
  readonly bytes: number;
}

const deleteOriginal = statement(
  'delete_original',
  'DELETE FROM originals WHERE tenant_id = $1 AND original_id = $2 RETURNING object_key, bytes',
);

/** Drops the row of an original that nothing points at any more; the caller holds it locked for removal. */
export async function forgetOriginal(
  tx: Transaction,
  tenantId: string,
  originalId: string,
): Promise<ForgottenOriginal> {
  const [row] = await tx.query<{ object_key: string; bytes: number }>(deleteOriginal, [tenantId, originalId]);
  invariant(row, `original ${originalId} is locked and so must stand`);
  return { objectKey: row.object_key, bytes: row.bytes };
}
