import { invariant } from '../core/invariant.ts';
import type { Transaction } from '../db/database.ts';
import { holdOriginalStatement } from './hold.sql.ts';
import type { NewOriginal } from './model.ts';

export interface HeldOriginal {
  readonly originalId: string;
  readonly objectKey: string;
  readonly facts: unknown;
  /** False when the tenant had these bytes: the object just written is then referenced by nothing. */
  readonly isNew: boolean;
}

/** Makes `upload` the tenant's original of these bytes, or finds the one that stands; locked until the commit. */
export async function holdOriginal(tx: Transaction, upload: NewOriginal): Promise<HeldOriginal> {
  const [row] = await tx.query<{ original_id: string; object_key: string; facts: unknown }>(holdOriginalStatement, [
    upload.tenantId,
    upload.originalId,
    upload.sha256,
    upload.objectKey,
    upload.bytes,
    upload.format,
    upload.width,
    upload.height,
    upload.frames,
    JSON.stringify(upload.facts),
  ]);
  invariant(row, 'an upsert answers its row');
  return {
    originalId: row.original_id,
    objectKey: row.object_key,
    facts: row.facts,
    isNew: row.original_id === upload.originalId,
  };
}
