import { describe, expect, it } from 'vitest';
import { loadConfig } from '../config.ts';

const load = (env: Record<string, string>) => loadConfig({}, env).config;

describe('the provider that people may log in by', () => {
  it.each([
    'https://login.example.org',
    'https://login.example.org/realms/a',
    'http://127.0.0.1:3000',
    'http://localhost',
  ])('may be %s', (issuer) => {
    const env = { SAFELIGHT_OIDC_ISSUER: issuer, SAFELIGHT_OIDC_CLIENT_ID: 'safelight' };
    expect(load(env).SAFELIGHT_OIDC_ISSUER).toBe(issuer);
  });

  it.each(['http://login.example.org', 'http://127.evil.example', 'login.example.org', 'file:///etc'])(
    'may not be %s, which others could read or be',
    (issuer) => {
      const env = { SAFELIGHT_OIDC_ISSUER: issuer, SAFELIGHT_OIDC_CLIENT_ID: 'safelight' };
      expect(() => load(env)).toThrow('SAFELIGHT_OIDC_ISSUER must be a URL of https; of http on this machine alone');
    },
  );

  it('is named together with what it knows us as', () => {
    for (const env of [{ SAFELIGHT_OIDC_ISSUER: 'https://a.example' }, { SAFELIGHT_OIDC_CLIENT_ID: 'safelight' }])
      expect(() => load(env as Record<string, string>)).toThrow('must be set together');
  });
});

describe('trusted proxies', () => {
  it.each(['10.0.0.1', '10.0.0.0/8, 192.168.1.1', '::1', 'fd00::/8'])('may be %s', (value) => {
    expect(load({ SAFELIGHT_TRUSTED_PROXIES: value }).SAFELIGHT_TRUSTED_PROXIES).toBe(value);
  });

  it.each(['true', 'balancer.example', '10.0.0.0/33', '10.0.0.0/', ',', '1.2.3.4/8/8'])('may not be %s', (value) => {
    expect(() => load({ SAFELIGHT_TRUSTED_PROXIES: value })).toThrow('must list addresses or networks');
  });
});
