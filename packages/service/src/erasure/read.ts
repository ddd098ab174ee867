import { receiptSchema, type SignedReceipt } from '@safelight/contract';
import type { Queryable } from '../db/database.ts';
import { selectErasure, selectErasures } from './erasures.sql.ts';
import type { Erasure } from './model.ts';

interface ErasureRow extends Omit<Erasure, 'imageId'> {
  readonly imageId: string | null;
}

interface ReceiptRow extends ErasureRow {
  readonly receipt: unknown;
  readonly keyId: string | null;
  readonly signature: Uint8Array | null;
}

/** What was erased of a tenant, or is being, the newest first. */
export async function listErasures(
  tx: Queryable,
  tenantId: string,
  page: { readonly after?: string | undefined; readonly limit: number },
): Promise<Erasure[]> {
  const rows = await tx.query<ErasureRow>(selectErasures, [tenantId, page.after ?? null, page.limit]);
  return rows.map(toErasure);
}

/** One of them, with its receipt once that is signed. */
export async function getErasure(
  tx: Queryable,
  tenantId: string,
  erasureId: string,
): Promise<{ readonly erasure: Erasure; readonly receipt: SignedReceipt | undefined } | undefined> {
  const [row] = await tx.query<ReceiptRow>(selectErasure, [tenantId, erasureId]);
  if (!row) return undefined;
  const { receipt, keyId, signature } = row;
  const isSigned = keyId !== null && signature !== null;
  return {
    erasure: toErasure(row),
    receipt: isSigned
      ? { receipt: receiptSchema.parse(receipt), keyId, signature: Buffer.from(signature).toString('base64') }
      : undefined,
  };
}

export function toErasure({ imageId, ...row }: ErasureRow): Erasure {
  return { ...row, imageId: imageId ?? undefined };
}
