import { describe, expect, it } from 'vitest';
import { loadConfig } from '../config.ts';

const allowed = (value: string) => loadConfig({ SAFELIGHT_OUTBOUND_ALLOW: value }, {}).config.SAFELIGHT_OUTBOUND_ALLOW;

describe('Networks that requests of tenants may reach', () => {
  it('are none by themselves, and those that are listed', () => {
    expect(allowed('')).toEqual([]);
    expect(allowed('10.1.2.0/24, fd00::/8')).toEqual(['10.1.2.0/24', 'fd00::/8']);
  });

  it.each(['10.1.2.3', '10.1.2.0/33', 'fd00::/129', 'example.com/8', '10.1.2.0/24,', '/8'])('are not %s', (value) => {
    expect(() => allowed(value)).toThrow('SAFELIGHT_OUTBOUND_ALLOW must list networks');
  });
});
