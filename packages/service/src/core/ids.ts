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
  person: 'per',
  session: 'ses',
  invitation: 'inv',
  original: 'orig',
  image: 'img',
  erasure: 'era',
  rendition: 'ren',
  job: 'job',
  event: 'evt',
  node: 'node',
  request: 'req',
  webhook: 'whk',
  upload: 'upl',
  uploadToken: 'upt',
  object: 'obj',
} as const;

export type IdKind = keyof typeof ID_PREFIXES;

const ALPHABET = '0123456789abcdefghjkmnpqrstvwxyz';
const TIME_BYTES = 6;
const RANDOM_BYTES = 10;
const BODY = '[0-7][0-9a-hjkmnp-tv-z]{25}';

/** A new identifier of `kind`, such as `img_01k9…`. */
export function newId(kind: IdKind, clock: Clock): string {
  return `${ID_PREFIXES[kind]}_${encodeBase32(uuidV7(clock.now(), clock.bytes(RANDOM_BYTES)))}`;
}

/** No identifier of `kind` made at or after `ms` sorts before this one; times that no identifier can carry are clamped. */
export function lowestId(kind: IdKind, ms: number): string {
  const carried = Math.min(Math.max(Math.floor(ms), 0), 2 ** 48 - 1);
  return `${ID_PREFIXES[kind]}_${encodeBase32(withTime(carried))}`;
}

/** Whether `text` has the form of an identifier of `kind`; says nothing of whether it exists. */
export function isId(kind: IdKind, text: string): boolean {
  return new RegExp(`^${ID_PREFIXES[kind]}_${BODY}$`).test(text);
}

/** The 16 bytes of a UUIDv7: 48 bits of time in milliseconds, version 7, variant 2 and 74 random bits. */
export function uuidV7(nowMs: number, random: Uint8Array): Uint8Array {
  invariant(random.length === RANDOM_BYTES, `a UUIDv7 takes ${RANDOM_BYTES} random bytes, got ${random.length}`);
  invariant(Number.isSafeInteger(nowMs) && nowMs >= 0 && nowMs < 2 ** 48, `a UUIDv7 cannot carry the time ${nowMs}`);
  const bytes = withTime(nowMs);
  bytes.set(random, TIME_BYTES);
  bytes[6] = 0x70 | ((bytes[6] ?? 0) & 0x0f);
  bytes[8] = 0x80 | ((bytes[8] ?? 0) & 0x3f);
  return bytes;
}

/** 16 bytes that begin with the time and hold nothing else. */
function withTime(ms: number): Uint8Array {
  const bytes = new Uint8Array(TIME_BYTES + RANDOM_BYTES);
  for (let at = TIME_BYTES - 1, rest = ms; at >= 0; at -= 1, rest = Math.floor(rest / 256)) bytes[at] = rest % 256;
  return bytes;
}

/** The 128 bits of `bytes` as 26 digits, of which the first has three bits. */
function encodeBase32(bytes: Uint8Array): string {
  let text = '';
  let bits = 0;
  // Two zeros ahead: 130 bits are 26 times five.
  let count = 2;
  for (const byte of bytes) {
    bits = ((bits << 8) | byte) & 0xfff;
    for (count += 8; count >= 5; count -= 5) text += ALPHABET[(bits >> (count - 5)) & 31];
  }
  return text;
}
