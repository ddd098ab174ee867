import { createHash } from 'node:crypto';

/** The fields of an event that its hash covers, as PostgreSQL writes them. */
export interface ChainedEvent {
  readonly tenantId: string;
  readonly eventId: string;
  readonly type: string;
  readonly subject: string;
  readonly imageId: string | null;
  readonly actor: string;
  /** Microseconds since the Unix epoch. */
  readonly atUs: number;
  /** The text of the jsonb value: exact, where parsed numbers are not. */
  readonly dataText: string;
  readonly personalDigest: Uint8Array | null;
}

/** What the first link of every chain follows. */
export const GENESIS: Uint8Array = new Uint8Array(32);

/** SHA-256 of the canonical encoding, a JSON array of strings and nulls in this order. */
export function digestEvent(event: ChainedEvent): Buffer {
  const encoding = JSON.stringify([
    'safelight.event.v1',
    event.tenantId,
    event.eventId,
    event.type,
    event.subject,
    event.imageId,
    event.actor,
    String(event.atUs),
    event.dataText,
    event.personalDigest ? Buffer.from(event.personalDigest).toString('hex') : null,
  ]);
  return createHash('sha256').update(encoding).digest();
}

/** SHA-256 of 32 random bytes and the personal fields: without the salt, no name can be guessed from the digest. */
export function digestPersonal(salt: Uint8Array, personalText: string): Buffer {
  return createHash('sha256').update(salt).update(personalText).digest();
}

/**
 * The next link: SHA-256(previous link ‖ index, 8 bytes big-endian ‖ digest). A tenant's chain links its events'
 * digests by position; the log's chain links the tenants' links by log position.
 */
export function link(previous: Uint8Array, index: number, digest: Uint8Array): Buffer {
  const place = Buffer.alloc(8);
  place.writeBigUInt64BE(BigInt(index));
  return createHash('sha256').update(previous).update(place).update(digest).digest();
}
