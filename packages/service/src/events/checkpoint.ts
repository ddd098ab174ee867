import type { Database } from '../db/database.ts';
import { FIND_UNSIGNED_TENANTS, INSERT_CHECKPOINTS, READ_UNSIGNED_HEADS } from './checkpoint.sql.ts';
import { fence, type SealerLease } from './lease.ts';
import type { TenantHead } from './seal.ts';
import type { SealingKey } from './sealing-key.ts';

/** A tenant's head at a time, as signed. */
export interface Checkpoint extends TenantHead {
  /** To the millisecond; the database's time. */
  readonly at: Date;
  readonly keyId: string;
}

/** The bytes that the signature covers: a JSON array of strings in this order. */
export function checkpointBytes({ tenantId, position, hash, logPosition, at, keyId }: Checkpoint): Buffer {
  const fields = [tenantId, String(position), Buffer.from(hash).toString('hex'), String(logPosition)];
  return Buffer.from(JSON.stringify(['safelight.checkpoint.v1', ...fields, at.toISOString(), keyId]));
}

/** At most `limit` tenants with events that no checkpoint covers yet. */
export async function findUnsignedTenants(database: Database, limit: number): Promise<string[]> {
  const rows = await database.query<{ tenant_id: string }>(FIND_UNSIGNED_TENANTS, [limit]);
  return rows.map((row) => row.tenant_id);
}

/**
 * Signs where the chains of `tenantIds` stand now, if they moved since they were signed. 50 µs of CPU each.
 * @throws DeposedError when the lease has passed to another; nothing was written then.
 */
export async function signHeads(
  database: Database,
  lease: SealerLease,
  key: SealingKey,
  tenantIds: readonly string[],
): Promise<void> {
  await database.transaction(async (tx) => {
    const { now } = await fence(tx, lease);
    const rows = await tx.query<{ tenant_id: string; position: number; hash: Buffer; log_position: number }>(
      READ_UNSIGNED_HEADS,
      [tenantIds],
    );
    if (rows.length === 0) return;
    const signatures = rows.map(({ tenant_id, position, hash, log_position }) =>
      key.sign(
        checkpointBytes({ tenantId: tenant_id, position, hash, logPosition: log_position, at: now, keyId: key.keyId }),
      ),
    );
    await tx.query(INSERT_CHECKPOINTS, [
      rows.map((row) => row.tenant_id),
      rows.map((row) => row.position),
      rows.map((row) => row.hash),
      rows.map((row) => row.log_position),
      now,
      key.keyId,
      signatures,
    ]);
  });
}
