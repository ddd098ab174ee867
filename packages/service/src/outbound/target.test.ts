import { describe, expect, it } from 'vitest';
import { readTarget, redirectTarget } from './target.ts';

describe('A redirect', () => {
  const from = new URL('https://a.example/pictures/1');

  it('is read against where it came from', () => {
    expect(redirectTarget(from, '../2', []).href).toBe('https://a.example/2');
    expect(redirectTarget(from, '//b.example/3', []).href).toBe('https://b.example/3');
  });

  it('leads from http to https and never back', () => {
    expect(redirectTarget(new URL('http://a.example/'), 'https://a.example/', []).protocol).toBe('https:');
    expect(() => redirectTarget(from, 'http://a.example/', [])).toThrow('from https to http');
  });

  it('is refused when it leads where the first URL may not', () => {
    for (const to of ['https://10.0.0.1/', 'https://u:p@b.example/', 'https://b.example:22/', 'gopher://b.example/'])
      expect(() => redirectTarget(from, to, []), to).toThrow();
    expect(() => redirectTarget(from, 'https://b.example/', [], (host) => host === 'a.example')).toThrow('allowed');
  });
});

describe('A host', () => {
  it('is compared as it is asked: in lower case, without brackets', () => {
    const told: string[] = [];
    const allow = (host: string) => told.push(host) > 0;
    readTarget('https://Pictures.EXAMPLE/1', [], allow);
    readTarget('https://[2606:4700:4700::1111]/1', [], allow);
    expect(told).toEqual(['pictures.example', '2606:4700:4700::1111']);
  });
});
