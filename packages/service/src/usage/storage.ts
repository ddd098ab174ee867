import type { Queryable } from '../db/database.ts';
import { statement } from '../db/statement.ts';

/** See the migration `limits`. */
const holdStoredBytes = statement('usage_hold_stored_bytes', 'SELECT hold_stored_bytes() AS bytes');

/** There is no room for so many bytes; nothing was stored. */
export class StorageFullError extends Error {
  override readonly name = 'StorageFullError';
  readonly limit: number;
  /** What would be stored. */
  readonly actual: number;

  constructor(limit: number, actual: number) {
    super('the tenant has no room for so many bytes');
    this.limit = limit;
    this.actual = actual;
  }
}

/**
 * Makes sure that there is room for `bytes` more, in the tenant's transaction that stores them and before it tells of
 * them. Whoever else wants to store something for the tenant waits for the end of the transaction: call it late.
 * @throws StorageFullError
 */
export async function claimStorage(tx: Queryable, bytes: number, limit: number): Promise<void> {
  const [row] = await tx.query<{ bytes: number }>(holdStoredBytes);
  const actual = (row?.bytes ?? 0) + bytes;
  if (actual > limit) throw new StorageFullError(limit, actual);
}
