import { describe, expect, it } from 'vitest';
import { isAllowed } from './import-image.ts';

describe('Hosts that a tenant allows as sources', () => {
  it('are those it names, and with a star all below', () => {
    const allowed = ['images.example.com', '*.example.org'];
    for (const host of ['images.example.com', 'a.example.org', 'a.b.example.org'])
      expect(isAllowed(host, allowed), host).toBe(true);
    for (const host of ['example.com', 'x.images.example.com', 'example.org', 'evilexample.org', 'a.example.org.evil'])
      expect(isAllowed(host, allowed), host).toBe(false);
    expect(isAllowed('example.com', [])).toBe(false);
  });
});
