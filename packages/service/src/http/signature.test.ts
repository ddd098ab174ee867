import { createHmac, randomBytes } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import { fitsSignature, signPath } from './signature.ts';

const SECRET = randomBytes(32);
const PATH = '/i/demo/img_1/original';

describe('the signature of a path', () => {
  it('is HMAC-SHA-256 over the path, in base64url', () => {
    const expected = createHmac('sha256', SECRET).update(PATH).digest('base64url');
    expect(signPath(SECRET, PATH)).toBe(expected);
    expect(fitsSignature(SECRET, PATH, expected)).toBe(true);
  });

  it('fits no other path and no other secret', () => {
    const signature = signPath(SECRET, PATH);
    expect(fitsSignature(SECRET, '/i/demo/img_2/original', signature)).toBe(false);
    expect(fitsSignature(SECRET, `${PATH}/`, signature)).toBe(false);
    expect(fitsSignature(randomBytes(32), PATH, signature)).toBe(false);
  });

  it('does not fit when a character of it is changed, missing, or one too many', () => {
    const signature = signPath(SECRET, PATH);
    for (let at = 0; at < signature.length; at += 1) {
      const other = signature[at] === 'A' ? 'B' : 'A';
      expect(fitsSignature(SECRET, PATH, signature.slice(0, at) + other + signature.slice(at + 1))).toBe(false);
    }
    for (const given of ['', signature.slice(1), `${signature}A`, 'é'.repeat(signature.length)]) {
      expect(fitsSignature(SECRET, PATH, given)).toBe(false);
    }
  });
});
