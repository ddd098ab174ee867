import type { Clock } from '../core/clock.ts';
import { newId } from '../core/ids.ts';
import type { Transaction } from '../db/database.ts';
import { statement } from '../db/statement.ts';
import { recordEvent } from '../events/index.ts';

/** Enough to hand a new key to everybody who signs before the old one goes; each costs a digest per wrong signature. */
const LIVE_KEYS_MAX = 4;
const SECRET_BYTES = 32;

/** A key that signs a tenant's URLs. */
export interface UrlKey {
  readonly keyId: string;
  /** 32 bytes. */
  readonly secret: Uint8Array;
  readonly createdAt: Date;
  readonly retiredAt: Date | undefined;
}

/** A tenant has as many live keys as it may have, or no other to sign with. */
class UrlKeyRefusedError extends Error {
  override readonly name = 'UrlKeyRefusedError';
}

interface UrlKeyRow {
  readonly key_id: string;
  readonly secret: Uint8Array;
  readonly created_at: Date;
  readonly retired_at: Date | null;
}

const lockTenant = statement('lock_tenant', 'SELECT 1 FROM tenants WHERE tenant_id = $1 FOR NO KEY UPDATE');
const selectUrlKeys = statement(
  'select_url_keys',
  `SELECT key_id, secret, created_at, retired_at FROM url_keys WHERE tenant_id = $1
   ORDER BY created_at DESC, key_id DESC`,
);
const insertUrlKey = statement(
  'insert_url_key',
  'INSERT INTO url_keys (tenant_id, key_id, secret) VALUES ($1, $2, $3)',
);
const retireKey = statement(
  'retire_url_key',
  'UPDATE url_keys SET retired_at = clock_timestamp() WHERE tenant_id = $1 AND key_id = $2 AND retired_at IS NULL',
);

/** All keys that the tenant has had, the newest first. */
export async function listUrlKeys(tx: Transaction, tenantId: string): Promise<UrlKey[]> {
  const rows = await tx.query<UrlKeyRow>(selectUrlKeys, [tenantId]);
  return rows.map((row) => ({
    keyId: row.key_id,
    secret: row.secret,
    createdAt: row.created_at,
    retiredAt: row.retired_at ?? undefined,
  }));
}

/**
 * Makes a key, which signs from now on; the older ones verify until they are retired.
 * @returns its id. @throws UrlKeyRefusedError when four are live.
 */
export async function rotateUrlKey(tx: Transaction, clock: Clock, tenantId: string): Promise<string> {
  const live = await liveKeys(tx, tenantId);
  if (live.length >= LIVE_KEYS_MAX) {
    throw new UrlKeyRefusedError(`${live.length} URL keys are live, as many as may be: retire one first`);
  }
  const keyId = newId('urlKey', clock);
  await tx.query(insertUrlKey, [tenantId, keyId, clock.bytes(SECRET_BYTES)]);
  await tell(tx, clock, 'tenant.url_key_created', tenantId, keyId);
  return keyId;
}

/**
 * Ends a key: what it has signed is refused within seconds.
 * @throws UrlKeyRefusedError when it is not a live key, or the only one.
 */
export async function retireUrlKey(tx: Transaction, clock: Clock, tenantId: string, keyId: string): Promise<void> {
  const live = await liveKeys(tx, tenantId);
  if (!live.some((key) => key.keyId === keyId)) throw new UrlKeyRefusedError(`there is no live URL key ${keyId}`);
  if (live.length === 1) throw new UrlKeyRefusedError('it is the only URL key: make another first');
  await tx.query(retireKey, [tenantId, keyId]);
  await tell(tx, clock, 'tenant.url_key_retired', tenantId, keyId);
}

/** The tenant is locked: of two who rotate at once the second counts the first one's key. */
async function liveKeys(tx: Transaction, tenantId: string): Promise<UrlKey[]> {
  await tx.query(lockTenant, [tenantId]);
  return (await listUrlKeys(tx, tenantId)).filter((key) => key.retiredAt === undefined);
}

function tell(
  tx: Transaction,
  clock: Clock,
  type: 'tenant.url_key_created' | 'tenant.url_key_retired',
  tenantId: string,
  keyId: string,
) {
  return recordEvent(tx, clock, { tenantId, type, subject: tenantId, actor: 'operator', data: { keyId } });
}
