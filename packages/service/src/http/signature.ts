import { createHmac, timingSafeEqual } from 'node:crypto';

/** Signs a delivery path (and its query without `s`) for a tenant: HMAC-SHA-256, base64url. */
export function signPath(secret: Uint8Array, path: string): string {
  return createHmac('sha256', secret).update(path).digest('base64url');
}

/** Compares in constant time; a signature of another length does not fit. */
export function fitsSignature(secret: Uint8Array, path: string, signature: string): boolean {
  const expected = Buffer.from(signPath(secret, path));
  const given = Buffer.from(signature);
  return expected.length === given.length && timingSafeEqual(expected, given);
}
