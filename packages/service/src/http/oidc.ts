import type { FastifyReply, FastifyRequest } from 'fastify';
import * as client from 'openid-client';
import type { Identity } from '../people/index.ts';
import { readCookie } from './cookies.ts';

/** A provider of OpenID Connect, and what it knows this installation as. */
export interface OidcSettings {
  readonly issuer: string;
  readonly clientId: string;
  readonly clientSecret: string | undefined;
}

const COOKIE = 'safelight_oidc';
const CALLBACK = '/v1/session/oidc/callback';
/** Long enough to find the second factor. */
const SECONDS_MAX = 600;
const REQUEST_SECONDS_MAX = 10;
const SCOPE = 'openid email';

/**
 * Log-in by OpenID Connect: authorization code with PKCE, state and nonce. What has to be remembered until the browser
 * comes back, it carries itself in a cookie, so that it may come back to any node.
 */
export class Oidc {
  readonly #settings: OidcSettings;
  #discovered: Promise<client.Configuration> | undefined;

  constructor(settings: OidcSettings) {
    this.#settings = settings;
  }

  /** Where the browser is to go, with the cookie set. @throws when the provider does not answer. */
  async start(reply: FastifyReply, baseUrl: string): Promise<URL> {
    const configuration = await this.#configuration();
    const verifier = client.randomPKCECodeVerifier();
    const [state, nonce] = [client.randomState(), client.randomNonce()];
    reply.header('set-cookie', cookie([state, nonce, verifier].join('.'), baseUrl, SECONDS_MAX));
    return client.buildAuthorizationUrl(configuration, {
      redirect_uri: `${baseUrl}${CALLBACK}`,
      scope: SCOPE,
      state,
      nonce,
      code_challenge: await client.calculatePKCECodeChallenge(verifier),
      code_challenge_method: 'S256',
    });
  }

  /** Who has come back. @throws when the browser was not sent out by us, or the provider does not vouch for it. */
  async finish(request: FastifyRequest, reply: FastifyReply, baseUrl: string): Promise<Identity> {
    const [state = '', nonce = '', verifier = ''] = (readCookie(request, COOKIE) ?? '').split('.');
    reply.header('set-cookie', cookie('', baseUrl, 0));
    if (!state || !nonce || !verifier) throw new Error('the browser carries no log-in that was begun');
    const configuration = await this.#configuration();
    const tokens = await client.authorizationCodeGrant(configuration, new URL(request.url, `${baseUrl}/`), {
      expectedState: state,
      expectedNonce: nonce,
      pkceCodeVerifier: verifier,
      idTokenExpected: true,
    });
    const claims = tokens.claims();
    if (!claims) throw new Error('the provider tells nobody');
    // Many providers tell the address on a second question alone.
    const told =
      claims.email === undefined && configuration.serverMetadata().userinfo_endpoint !== undefined
        ? await client.fetchUserInfo(configuration, tokens.access_token, claims.sub)
        : claims;
    return {
      issuer: claims.iss,
      subject: claims.sub,
      email: typeof told.email === 'string' ? told.email : undefined,
      emailVerified: told.email_verified === true,
    };
  }

  /** Asked once; again when that failed. */
  #configuration(): Promise<client.Configuration> {
    this.#discovered ??= this.#discover().catch((error: unknown) => {
      this.#discovered = undefined;
      throw error;
    });
    return this.#discovered;
  }

  #discover(): Promise<client.Configuration> {
    const { issuer, clientId, clientSecret } = this.#settings;
    const url = new URL(issuer);
    return client.discovery(
      url,
      clientId,
      undefined,
      clientSecret === undefined ? client.None() : client.ClientSecretBasic(clientSecret),
      {
        timeout: REQUEST_SECONDS_MAX,
        // Only a provider on this machine is named so: the settings take no other.
        ...(url.protocol === 'http:' && { execute: [client.allowInsecureRequests] }),
      },
    );
  }
}

/** Lax: the browser comes back from the provider's page. */
function cookie(value: string, baseUrl: string, seconds: number): string {
  const secure = baseUrl.startsWith('https:') ? '; Secure' : '';
  return `${COOKIE}=${value}; Path=${CALLBACK}; HttpOnly; SameSite=Lax; Max-Age=${seconds}${secure}`;
}
