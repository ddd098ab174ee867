import { createHash } from 'node:crypto';
import type { Clock } from '../core/clock.ts';
import { newId } from '../core/ids.ts';
import { invariant } from '../core/invariant.ts';
import type { Database, Queryable, Transaction } from '../db/database.ts';
import { recordEvent } from '../events/index.ts';
import { INSERT_TOKEN, SELECT_TOKEN, SPEND_TOKEN } from './tokens.sql.ts';

const SECRET_BYTES = 32;
/** Told from a key by its beginning, so that neither is ever looked for among the others. */
const FORM = /^slup_[A-Za-z0-9_-]{43}$/;

/** What the bearer of an upload token may send. */
export interface UploadToken {
  readonly tenantId: string;
  readonly tokenId: string;
  readonly bytesMax: number;
  readonly imagesMax: number;
  /** Accepted so far. */
  readonly images: number;
  readonly formats: readonly string[] | undefined;
  readonly tags: readonly string[];
  readonly origin: string | undefined;
  /** What its images are, whatever their sender says; undefined: as he says. */
  readonly isPrivate?: boolean | undefined;
}

/** Every image that the token allows has been accepted, or its time is over. */
export class UploadTokenSpentError extends Error {
  override readonly name = 'UploadTokenSpentError';
}

/** A new secret of 256 random bits; shown once, stored as its digest. */
export function newUploadTokenSecret(clock: Clock): string {
  return `slup_${Buffer.from(clock.bytes(SECRET_BYTES)).toString('base64url')}`;
}

/** @returns its id and its end. */
export async function createUploadToken(
  database: Database,
  clock: Clock,
  token: Omit<UploadToken, 'tokenId' | 'images'> & {
    readonly secret: string;
    readonly expiresInSeconds: number;
    readonly actor: string;
  },
): Promise<{ readonly tokenId: string; readonly expiresAt: Date }> {
  const { tenantId, bytesMax, imagesMax, actor } = token;
  const tokenId = newId('uploadToken', clock);
  return database.asTenant(tenantId, async (tx) => {
    const [row] = await tx.query<{ expires_at: Date }>(INSERT_TOKEN, [
      tenantId,
      tokenId,
      digestOf(token.secret),
      bytesMax,
      imagesMax,
      token.formats ? [...token.formats] : null,
      [...token.tags],
      token.origin ?? null,
      actor,
      token.expiresInSeconds,
      token.isPrivate ?? null,
    ]);
    invariant(row, 'an inserted token answers its row');
    const expiresAt = row.expires_at;
    const data = { tokenId, bytesMax, imagesMax, expiresAt: expiresAt.toISOString() };
    await recordEvent(tx, clock, { tenantId, type: 'token.created', subject: tokenId, actor, data });
    return { tokenId, expiresAt };
  });
}

/** What `secret` allows, or undefined when it is malformed, unknown or expired. */
export async function findUploadToken(database: Queryable, secret: string): Promise<UploadToken | undefined> {
  if (!FORM.test(secret)) return undefined;
  const [row] = await database.query<{
    tenant_id: string;
    token_id: string;
    bytes_max: number;
    images_max: number;
    images: number;
    formats: string[] | null;
    tags: string[];
    origin: string | null;
    private: boolean | null;
  }>(SELECT_TOKEN, [digestOf(secret)]);
  return (
    row && {
      tenantId: row.tenant_id,
      tokenId: row.token_id,
      bytesMax: row.bytes_max,
      imagesMax: row.images_max,
      images: row.images,
      formats: row.formats ?? undefined,
      tags: row.tags,
      origin: row.origin ?? undefined,
      isPrivate: row.private ?? undefined,
    }
  );
}

/** Counts an image in the transaction that accepts it. @throws UploadTokenSpentError: it must not commit. */
export async function spendUploadToken(tx: Transaction, tenantId: string, tokenId: string): Promise<void> {
  const spent = await tx.query(SPEND_TOKEN, [tenantId, tokenId]);
  if (spent.length === 0) throw new UploadTokenSpentError(`the token ${tokenId} allows no further image`);
}

function digestOf(secret: string): Uint8Array {
  return createHash('sha256').update(secret).digest();
}
