import { createHmac, randomBytes } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import { fitsSignature, signPath, splitSignature, withSignature } from './signature.ts';

const SECRET = randomBytes(32);
const PATH = '/i/demo/img_1?w=100';

describe('the signature of a path', () => {
  it('is HMAC-SHA-256 over path and query, in base64url', () => {
    const expected = createHmac('sha256', SECRET).update(PATH).digest('base64url');
    expect(signPath(SECRET, PATH)).toBe(expected);
    expect(fitsSignature([SECRET], PATH, expected)).toBe(true);
  });

  it('fits no other path and no other secret', () => {
    const signature = signPath(SECRET, PATH);
    expect(fitsSignature([SECRET], '/i/demo/img_2?w=100', signature)).toBe(false);
    expect(fitsSignature([SECRET], `${PATH}0`, signature)).toBe(false);
    expect(fitsSignature([randomBytes(32)], PATH, signature)).toBe(false);
  });

  it('fits whichever of a tenant’s keys made it', () => {
    const keys = Array.from({ length: 4 }, () => randomBytes(32));
    for (const key of keys) expect(fitsSignature(keys, PATH, signPath(key, PATH))).toBe(true);
    expect(fitsSignature(keys, PATH, signPath(SECRET, PATH))).toBe(false);
  });

  it('never fits for a tenant that does not exist, or has no keys', () => {
    expect(fitsSignature(undefined, PATH, signPath(Buffer.alloc(32), PATH))).toBe(false);
    expect(fitsSignature([], PATH, signPath(SECRET, PATH))).toBe(false);
  });

  it('does not fit when a character of it is changed, missing, or one too many', () => {
    const signature = signPath(SECRET, PATH);
    for (let at = 0; at < signature.length; at += 1) {
      const other = signature[at] === 'A' ? 'B' : 'A';
      expect(fitsSignature([SECRET], PATH, signature.slice(0, at) + other + signature.slice(at + 1))).toBe(false);
    }
    for (const given of ['', signature.slice(1), `${signature}A`, `${signature}=`, 'é'.repeat(signature.length)]) {
      expect(fitsSignature([SECRET], PATH, given)).toBe(false);
    }
  });
});

describe('a URL’s signature', () => {
  it('is its last parameter, and covers everything before it, byte for byte', () => {
    for (const path of [
      '/i/t/img?w=1&h=2',
      '/i/t/img',
      '/i/t/img?dl=a%20b+c',
      '/i/t/img/original',
      '/i/t/img?&&w=%31',
    ]) {
      const signature = signPath(SECRET, path);
      expect(splitSignature(withSignature(SECRET, path))).toEqual({ kind: 'signed', text: path, signature });
    }
  });

  it('is malformed where it stands twice, or anything follows it', () => {
    for (const url of ['/i/t/img?s=a&w=1', '/i/t/img?s=a&s=b', '/i/t/img?w=1&s=a&', '/i/t/img?s', '/i/t/img?s&s=a']) {
      expect(splitSignature(url)).toEqual({ kind: 'malformed' });
    }
  });

  it('is not there where no parameter has its name', () => {
    for (const url of ['/i/t/img', '/i/t/img?', '/i/t/img?w=1', '/i/t/img?sat=1', '/i/t/img?txt=s', '/i/s=1/img']) {
      expect(splitSignature(url)).toEqual({ kind: 'unsigned' });
    }
  });
});
