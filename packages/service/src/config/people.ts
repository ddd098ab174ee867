import { isIP } from 'node:net';
import { ConfigError, optional, type Setting } from './parse.ts';

/** Of people who log in, and of where they come from. */
export const PEOPLE_SETTINGS = {
  SAFELIGHT_TRUSTED_PROXIES: {
    about:
      'Addresses and networks, separated by commas, of balancers and proxies in front of this node: what they say in ' +
      '`X-Forwarded-For` and `X-Forwarded-Proto` is believed. Absent: nobody is, and whoever connects is the client.',
    fallback: '',
    parse: networks,
  },
  SAFELIGHT_OIDC_ISSUER: {
    about:
      'Provider of OpenID Connect by which people may log in, such as `https://login.example.org`; who comes must have ' +
      'been invited by the e-mail that it vouches for. Its redirect URI is SAFELIGHT_PUBLIC_URL with ' +
      '`/v1/session/oidc/callback`. Absent: passwords alone.',
    fallback: '',
    parse: issuer,
  },
  SAFELIGHT_OIDC_CLIENT_ID: {
    about: 'What the provider knows this installation as.',
    fallback: '',
    parse: optional,
  },
  SAFELIGHT_OIDC_CLIENT_SECRET: {
    about: 'What this installation shows the provider; absent: it is a public client.',
    fallback: '',
    secret: true,
    parse: optional,
  },
} as const satisfies Record<string, Setting<unknown>>;

/** @throws ConfigError where the settings contradict each other. */
export function checkPeople(config: {
  readonly SAFELIGHT_OIDC_ISSUER: string | undefined;
  readonly SAFELIGHT_OIDC_CLIENT_ID: string | undefined;
}): void {
  const { SAFELIGHT_OIDC_ISSUER: issuer, SAFELIGHT_OIDC_CLIENT_ID: clientId } = config;
  if ((issuer === undefined) !== (clientId === undefined))
    throw new ConfigError('SAFELIGHT_OIDC_ISSUER and SAFELIGHT_OIDC_CLIENT_ID must be set together');
}

function networks(value: string): string | undefined {
  if (value === '') return undefined;
  for (const one of value.split(',').map((text) => text.trim())) {
    const [, address = '', bits] = /^([^/]+)(?:\/(\d{1,3}))?$/.exec(one) ?? [];
    const bitsMax = { 0: -1, 4: 32, 6: 128 }[isIP(address)] ?? -1;
    if (bitsMax < 0 || Number(bits ?? 0) > bitsMax)
      throw new ConfigError('must list addresses or networks such as 10.0.0.0/8');
  }
  return value;
}

function issuer(value: string): string | undefined {
  if (value === '') return undefined;
  const url = URL.canParse(value) ? new URL(value) : undefined;
  const isLocal = url !== undefined && /^(localhost|127\.[\d.]+|\[::1\])$/.test(url.hostname);
  if (url?.protocol !== 'https:' && !(url?.protocol === 'http:' && isLocal))
    throw new ConfigError('must be a URL of https; of http on this machine alone');
  return value;
}
