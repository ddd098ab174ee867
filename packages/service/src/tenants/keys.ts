import { createHash } from 'node:crypto';
import type { Scope } from '@safelight/contract';
import type { Clock } from '../core/clock.ts';
import { newId } from '../core/ids.ts';
import type { Queryable } from '../db/database.ts';
import { hotStatement, statement } from '../db/statement.ts';
import { recordEvent } from '../events/index.ts';
import type { Principal } from './model.ts';

const SECRET_BYTES = 32;
const FORM = /^sl_[A-Za-z0-9_-]{43}$/;

/** A new secret of 256 random bits; shown once, stored as its digest. */
export function newKeySecret(clock: Clock): string {
  return `sl_${Buffer.from(clock.bytes(SECRET_BYTES)).toString('base64url')}`;
}

const insertKey = statement(
  'insert_key',
  'INSERT INTO keys (tenant_id, key_id, sha256, scopes) VALUES ($1, $2, $3, $4)',
);

/** Stores the digest of `secret` as a key of the tenant. */
export async function createKey(
  tx: Queryable,
  clock: Clock,
  key: { readonly tenantId: string; readonly secret: string; readonly scopes: readonly Scope[] },
): Promise<string> {
  const keyId = newId('key', clock);
  await tx.query(insertKey, [key.tenantId, keyId, digestOf(key.secret), [...key.scopes]]);
  await recordEvent(tx, clock, {
    tenantId: key.tenantId,
    type: 'key.created',
    subject: keyId,
    actor: 'system',
    data: { keyId, scopes: [...key.scopes], expiresAt: null },
  });
  return keyId;
}

// Comes before a tenant is known: by the unique index over the digest, as the system.
const selectKey = hotStatement(
  'select_key',
  `SELECT tenant_id, key_id, scopes FROM keys
   WHERE sha256 = $1 AND revoked_at IS NULL AND (expires_at IS NULL OR expires_at > now())`,
);

/** Who `secret` speaks for, or undefined when it is malformed, unknown, expired or revoked. */
export async function findKey(database: Queryable, secret: string): Promise<Principal | undefined> {
  if (!FORM.test(secret)) return undefined;
  // Equality of digests leaks nothing about a secret of 256 random bits, so an index look-up is constant-time enough.
  const [row] = await database.query<{ tenant_id: string; key_id: string; scopes: Scope[] }>(selectKey, [
    digestOf(secret),
  ]);
  return row && { tenantId: row.tenant_id, actor: row.key_id, scopes: row.scopes };
}

function digestOf(secret: string): Uint8Array {
  return createHash('sha256').update(secret).digest();
}
