import { SafelightError } from '@safelight/sdk';
import { describe, expect, it } from 'vitest';
import { formatSeconds, refusalText } from './fleet-words.ts';

it.each([
  [0.43, '0.4 s'],
  [12.4, '12 s'],
  [210, '3.5 min'],
  [3_600, '60 min'],
  [7_200, '2 h'],
  [null, 'never'],
])('%d seconds are written as somebody says them', (seconds, text) => {
  expect(formatSeconds(seconds).replaceAll('\u00a0', ' ')).toBe(text);
});

describe('a key that does not open the page', () => {
  const refused = (status: number, code: 'key_invalid' | 'scope_missing' | 'unreachable') =>
    refusalText(new SafelightError({ code, title: 'T', status }));

  it('is unknown, or may not, or nobody could say', () => {
    expect(refused(401, 'key_invalid')).toContain('does not know this key');
    expect(refused(403, 'scope_missing')).toContain('“admin”');
    expect(refused(0, 'unreachable')).toContain('cannot be reached');
  });
});
