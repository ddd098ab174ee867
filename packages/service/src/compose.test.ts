import { describe, expect, it } from 'vitest';
import { publicTenantOf } from './compose.ts';
import { loadConfig } from './config.ts';

const publicTenant = (env: Record<string, string>, isEmbedded = true) =>
  publicTenantOf(loadConfig({}, env).config, isEmbedded);

describe('the tenant that needs no key', () => {
  it.each(['127.0.0.1', '127.1.2.3', 'localhost', '::1'])('is demo on %s with the embedded database', (host) => {
    expect(publicTenant({ SAFELIGHT_HOST: host })).toBe('demo');
  });

  it.each(['0.0.0.0', '::', '192.168.1.5', 'pictures.example', '1270.0.0.1', ''])(
    'is nobody on %s, unless it is named on purpose',
    (host) => {
      expect(publicTenant({ SAFELIGHT_HOST: host })).toBeUndefined();
      expect(publicTenant({ SAFELIGHT_HOST: host, SAFELIGHT_PUBLIC_TENANT: '' })).toBeUndefined();
      expect(publicTenant({ SAFELIGHT_HOST: host, SAFELIGHT_PUBLIC_TENANT: 'shop' })).toBe('shop');
    },
  );

  it('is nobody with a database that others may use, unless it is named on purpose', () => {
    expect(publicTenant({}, false)).toBeUndefined();
    expect(publicTenant({ SAFELIGHT_PUBLIC_TENANT: 'shop' }, false)).toBe('shop');
  });

  it('is nobody when that is asked for', () => {
    expect(publicTenant({ SAFELIGHT_PUBLIC_TENANT: 'none' })).toBeUndefined();
  });
});
