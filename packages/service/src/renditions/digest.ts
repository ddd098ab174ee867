import { createHash } from 'node:crypto';

/**
 * Part of every rendition's digest. Raise it whenever the same transformation would give other bytes than before (an
 * encoder's setting, an operation's order, a new libvips), so that old renditions are not taken for new ones.
 */
export const ENCODER_VERSION = 2;

/** 48 bits: enough to tell the versions of one rendition apart in a URL. */
const VERSION_HEX_DIGITS = 12;

/** The 32 bytes that, with its original, name a rendition: SHA-256 over the canonical transformation and the encoder version. */
export function renditionDigest(canonical: string): Uint8Array {
  return createHash('sha256').update(`${ENCODER_VERSION}\n${canonical}`).digest();
}

/** The `v=` of a rendition's URL: the first 12 hexadecimal digits of its digest. */
export function versionOfDigest(digest: Uint8Array): string {
  return Buffer.from(digest).toString('hex').slice(0, VERSION_HEX_DIGITS);
}
