import { createHash } from 'node:crypto';
import type { Scope } from '@safelight/contract';
import type { Clock } from '../core/clock.ts';
import { newId } from '../core/ids.ts';
import type { Database, Queryable, Transaction } from '../db/database.ts';
import { recordEvent } from '../events/index.ts';
import {
  COUNT_LIVE_KEYS,
  HOLD_KEYS,
  INSERT_KEY,
  REVOKE_KEY,
  ROTATE_KEY,
  SELECT_KEY,
  SELECT_KEY_BY_SECRET,
  SELECT_KEYS,
  SWEEP_KEYS,
  TOUCH_KEYS,
  WIDEN_KEY,
} from './keys.sql.ts';
import type { Principal } from './model.ts';

const SECRET_BYTES = 32;
const FORM = /^sl_[A-Za-z0-9_-]{43}$/;
/** More than one key for each server of a large customer; a list of them is still read in a moment. */
const LIVE_KEYS_MAX = 1_000;
/** As long as an audit may want to know whose a key was. */
const ENDED_DAYS_MAX = 90;
/** Of two nodes that use one key the second writes nothing for the same minute. */
const TOUCH_SECONDS_MIN = 50;

/** A key as its tenant may see it. */
export interface ApiKey {
  readonly keyId: string;
  readonly name: string;
  readonly scopes: readonly Scope[];
  readonly state: 'live' | 'expired' | 'revoked';
  readonly createdAt: Date;
  /** A key or a person; undefined: the operator. */
  readonly createdBy: string | undefined;
  readonly expiresAt: Date | undefined;
  readonly revokedAt: Date | undefined;
  readonly lastUsedAt: Date | undefined;
  /** Until when the secret before the last rotation opens too. */
  readonly previousUntil: Date | undefined;
}

export interface NewKey {
  readonly tenantId: string;
  readonly secret: string;
  readonly scopes: readonly Scope[];
  readonly name?: string | undefined;
  /** Who makes it; absent: the operator. */
  readonly actor?: string | undefined;
  readonly expiresAt?: Date | undefined;
  readonly expiresInSeconds?: number | undefined;
}

/** A key cannot be made as it was asked for. */
export class KeyRefusedError extends Error {
  override readonly name = 'KeyRefusedError';
  /** `expired`: its time would have passed already. `limit`: the tenant has as many as it may have. */
  readonly reason: 'expired' | 'limit';
  readonly limit = LIVE_KEYS_MAX;
  constructor(reason: 'expired' | 'limit') {
    super(reason === 'expired' ? 'the key would have expired already' : `a tenant has ${LIVE_KEYS_MAX} keys at most`);
    this.reason = reason;
  }
}

interface KeyRow {
  readonly key_id: string;
  readonly name: string;
  readonly scopes: readonly Scope[];
  readonly state: 'live' | 'expired' | 'revoked';
  readonly created_at: Date;
  readonly created_by: string | null;
  readonly expires_at: Date | null;
  readonly revoked_at: Date | null;
  readonly last_used_at: Date | null;
  readonly previous_until: Date | null;
}

/** A new secret of 256 random bits; shown once, stored as its digest. */
export function newKeySecret(clock: Clock): string {
  return `sl_${Buffer.from(clock.bytes(SECRET_BYTES)).toString('base64url')}`;
}

/** Stores the digest of `secret` as a key of the tenant. @returns its id. @throws KeyRefusedError */
export async function createKey(tx: Transaction, clock: Clock, key: NewKey): Promise<string> {
  const { tenantId, scopes } = key;
  await tx.query(HOLD_KEYS, [tenantId]);
  const [live] = await tx.query<{ count: number }>(COUNT_LIVE_KEYS, [tenantId]);
  if ((live?.count ?? 0) >= LIVE_KEYS_MAX) throw new KeyRefusedError('limit');
  const keyId = newId('key', clock);
  const [row] = await tx.query<{ expires_at: Date | null }>(INSERT_KEY, [
    tenantId,
    keyId,
    digestOf(key.secret),
    [...scopes],
    key.name ?? '',
    key.actor ?? null,
    key.expiresAt ?? null,
    key.expiresInSeconds ?? null,
  ]);
  if (!row) throw new KeyRefusedError('expired');
  await recordEvent(tx, clock, {
    tenantId,
    type: 'key.created',
    subject: keyId,
    actor: key.actor ?? 'system',
    data: { keyId, scopes: [...scopes], expiresAt: row.expires_at?.toISOString() ?? null },
  });
  return keyId;
}

/** Who `secret` speaks for, or undefined when it is malformed, unknown, expired or revoked. */
export async function findKey(database: Queryable, secret: string): Promise<Principal | undefined> {
  if (!FORM.test(secret)) return undefined;
  // Equality of digests leaks nothing about a secret of 256 random bits, so an index look-up is constant-time enough.
  const [row] = await database.query<{ tenant_id: string; key_id: string; scopes: Scope[] }>(SELECT_KEY_BY_SECRET, [
    digestOf(secret),
  ]);
  return row && { tenantId: row.tenant_id, actor: row.key_id, scopes: row.scopes };
}

/** One key of the tenant, whatever its state. */
export async function getKey(tx: Transaction, tenantId: string, keyId: string): Promise<ApiKey | undefined> {
  const [row] = await tx.query<KeyRow>(SELECT_KEY, [tenantId, keyId]);
  return row && toKey(row);
}

/** A page of the tenant's keys, the newest first. */
export async function listKeys(
  tx: Transaction,
  tenantId: string,
  page: { readonly after: string | undefined; readonly limit: number },
): Promise<ApiKey[]> {
  return (await tx.query<KeyRow>(SELECT_KEYS, [tenantId, page.after ?? null, page.limit])).map(toKey);
}

/** Gives a live key a new secret. @returns the key, or undefined when there is no live one of that id. */
export async function rotateKey(
  tx: Transaction,
  clock: Clock,
  key: {
    readonly tenantId: string;
    readonly keyId: string;
    readonly secret: string;
    /** How long the secret until now opens too. */
    readonly overlapSeconds: number;
    readonly actor: string;
  },
): Promise<ApiKey | undefined> {
  const { tenantId, keyId, overlapSeconds, actor } = key;
  const [row] = await tx.query<KeyRow>(ROTATE_KEY, [tenantId, keyId, digestOf(key.secret), overlapSeconds]);
  if (!row) return undefined;
  const data = { keyId, overlapSeconds };
  await recordEvent(tx, clock, { tenantId, type: 'key.rotated', subject: keyId, actor, data });
  return toKey(row);
}

/** Ends a key with all its secrets. @returns it, or undefined when there is none that is not revoked. */
export async function revokeKey(
  tx: Transaction,
  clock: Clock,
  key: { readonly tenantId: string; readonly keyId: string; readonly actor: string },
): Promise<ApiKey | undefined> {
  const { tenantId, keyId, actor } = key;
  const [row] = await tx.query<KeyRow>(REVOKE_KEY, [tenantId, keyId]);
  if (!row) return undefined;
  await recordEvent(tx, clock, { tenantId, type: 'key.revoked', subject: keyId, actor, data: { keyId } });
  return toKey(row);
}

/** Writes down that keys were used just now; of all tenants at once, so as the system. */
export async function touchKeys(
  database: Queryable,
  keys: readonly { readonly tenantId: string; readonly id: string }[],
): Promise<void> {
  const columns = [keys.map(({ tenantId }) => tenantId), keys.map(({ id }) => id)];
  await database.query(TOUCH_KEYS, [...columns, TOUCH_SECONDS_MIN]);
}

/** Makes sure that a key of ours may do what a newer build lets it do. */
export async function widenKey(
  database: Queryable,
  { tenantId, actor: keyId }: Principal,
  scopes: readonly Scope[],
): Promise<void> {
  await database.query(WIDEN_KEY, [tenantId, keyId, [...scopes]]);
}

/** Forgets keys that ended long ago. */
export async function sweepKeys(database: Database): Promise<void> {
  await database.query(SWEEP_KEYS, [ENDED_DAYS_MAX]);
}

function toKey(row: KeyRow): ApiKey {
  return {
    keyId: row.key_id,
    name: row.name,
    scopes: row.scopes,
    state: row.state,
    createdAt: row.created_at,
    createdBy: row.created_by ?? undefined,
    expiresAt: row.expires_at ?? undefined,
    revokedAt: row.revoked_at ?? undefined,
    lastUsedAt: row.last_used_at ?? undefined,
    previousUntil: row.previous_until ?? undefined,
  };
}

function digestOf(secret: string): Uint8Array {
  return createHash('sha256').update(secret).digest();
}
