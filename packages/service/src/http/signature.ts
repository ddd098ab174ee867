import { createHmac, createSecretKey, type KeyObject, timingSafeEqual } from 'node:crypto';

/** HMAC-SHA-256 in base64url, without padding. */
const FORM = /^[A-Za-z0-9_-]{43}$/;
/** The signature is the query's last parameter, and only once there. */
const SIGNED_URL = /^([^#]*)[?&]s=([^&#]*)$/;
const UNSIGNED = /[?&]s(=|&|$)/;
/** Tried in the place of an unknown tenant's: it takes as long, and counts for nothing. */
const NOBODYS_SECRETS = [createSecretKey(Buffer.alloc(32))];
const NO_SIGNATURE = '-'.repeat(43);

/** 32 bytes. */
export type UrlSecret = KeyObject | Uint8Array;

/** What a URL's path and query say of its signature. */
export type SignedUrl =
  /** `text` is what was signed: path and query as they were sent, up to the `?` or `&` before the signature. */
  | { readonly kind: 'signed'; readonly text: string; readonly signature: string }
  | { readonly kind: 'unsigned' }
  /** There is a parameter `s`, but not as the last one. */
  | { readonly kind: 'malformed' };

/** Takes the signature off a path and query, byte for byte as the client sent them: nothing is decoded or put in order. */
export function splitSignature(pathAndQuery: string): SignedUrl {
  const [, text, signature] = SIGNED_URL.exec(pathAndQuery) ?? [];
  if (text === undefined || signature === undefined) {
    return { kind: UNSIGNED.test(pathAndQuery) ? 'malformed' : 'unsigned' };
  }
  return UNSIGNED.test(text) ? { kind: 'malformed' } : { kind: 'signed', text, signature };
}

/** Signs a path and query for a tenant. */
export function signPath(secret: UrlSecret, pathAndQuery: string): string {
  return createHmac('sha256', secret).update(pathAndQuery).digest('base64url');
}

/** Adds the signature to a path and query. */
export function withSignature(secret: UrlSecret, pathAndQuery: string): string {
  return `${pathAndQuery}${pathAndQuery.includes('?') ? '&' : '?'}s=${signPath(secret, pathAndQuery)}`;
}

/**
 * Whether one of the tenant's keys made the signature. How long it takes does not tell which, how much of it fits, nor
 * whether there is such a tenant: every key is tried, in constant time.
 * @param secrets undefined for a tenant that does not exist.
 */
export function fitsSignature(secrets: readonly UrlSecret[] | undefined, text: string, signature: string): boolean {
  const isFormed = FORM.test(signature);
  const given = Buffer.from(isFormed ? signature : NO_SIGNATURE);
  let fits = false;
  for (const secret of secrets ?? NOBODYS_SECRETS) {
    fits = timingSafeEqual(Buffer.from(signPath(secret, text)), given) || fits;
  }
  return fits && isFormed && secrets !== undefined;
}
