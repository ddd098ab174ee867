import { PRESETS } from '@safelight/contract';
import { describe, expect, it } from 'vitest';
import { ENCODER_VERSION, renditionDigest, versionOfDigest } from './digest.ts';

describe('the digest of a rendition', () => {
  it('is 32 bytes, the same for the same canonical transformation, and another for each preset', () => {
    const digests = Object.values(PRESETS).map((canonical) => Buffer.from(renditionDigest(canonical)).toString('hex'));
    expect(new Set(digests).size).toBe(digests.length);
    expect(renditionDigest(PRESETS.small)).toEqual(renditionDigest('fit=max&h=100&w=100'));
    expect(renditionDigest(PRESETS.small)).toHaveLength(32);
  });

  it('gives a URL its version: 12 hexadecimal digits', () => {
    expect(versionOfDigest(renditionDigest(PRESETS.small))).toMatch(/^[0-9a-f]{12}$/);
  });

  it('changes only on purpose: an encoder whose bytes change raises its version, and then this line', () => {
    expect([ENCODER_VERSION, versionOfDigest(renditionDigest(PRESETS.large))]).toEqual([2, 'dce1e6bad7eb']);
  });
});
