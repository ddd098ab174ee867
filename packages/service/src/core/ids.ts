import type { Clock } from './clock.ts';
import { invariant } from './invariant.ts';

/**
 * Identifiers: a prefix that tells the kind, and a UUIDv7 (RFC 9562) in Crockford's base32, lower case, 26 characters.
 * They sort by the millisecond in which they were made; 74 random bits make a conflict a matter of constraint, not of luck.
 */
export const ID_PREFIXES = {
  tenant: 'ten',
  key: 'key',
  urlKey: 'urk',
  original: 'orig',
  image: 'img',
  rendition: 'ren',
  job: 'job',
  event: 'evt',
  node: 'node',
  request: 'req',
  object: 'obj',
} as const;

export type IdKind = keyof typeof ID_PREFIXES;

const ALPHABET = '0123456789abcdefghjkmnpqrstvwxyz';
const RANDOM_BYTES = 10;
const BODY = '[0-7][0-9a-hjkmnp-tv-z]{25}';

/** A new identifier of `kind`, such as `img_01k9…`. */
export function newId(kind: IdKind, clock: Clock): string {
  return `${ID_PREFIXES[kind]}_${encodeBase32(uuidV7(clock.now(), clock.bytes(RANDOM_BYTES)))}`;
}

/** No identifier of `kind` made at or after `ms` sorts before this one; times that no identifier can carry are clamped. */
export function lowestId(kind: IdKind, ms: number): string {
  const carried = Math.min(Math.max(Math.floor(ms), 0), 2 ** 48 - 1);
  return `${ID_PREFIXES[kind]}_${encodeBase32(BigInt(carried) << 80n)}`;
}

/** Whether `text` has the form of an identifier of `kind`; says nothing of whether it exists. */
export function isId(kind: IdKind, text: string): boolean {
  return new RegExp(`^${ID_PREFIXES[kind]}_${BODY}$`).test(text);
}

/** The 128 bits of a UUIDv7: 48 of time in milliseconds, version 7, variant 2 and 74 random ones. */
export function uuidV7(nowMs: number, random: Uint8Array): bigint {
  invariant(random.length === RANDOM_BYTES, `a UUIDv7 takes ${RANDOM_BYTES} random bytes, got ${random.length}`);
  invariant(Number.isSafeInteger(nowMs) && nowMs >= 0 && nowMs < 2 ** 48, `a UUIDv7 cannot carry the time ${nowMs}`);
  let bits = BigInt(nowMs);
  for (const byte of random) bits = (bits << 8n) | BigInt(byte);
  const version = 7n << 76n;
  const variant = 2n << 62n;
  return (bits & ~((0xfn << 76n) | (0x3n << 62n))) | version | variant;
}

function encodeBase32(bits: bigint): string {
  let text = '';
  for (let shift = 125n; shift >= 0n; shift -= 5n) text += ALPHABET[Number((bits >> shift) & 31n)];
  return text;
}
