import { DELIVERY_TOKEN_PREFIX, deliveryClaimsSchema } from '@safelight/contract';
import type { FastifyRequest } from 'fastify';
import type { Clock } from '../core/clock.ts';
import type { Tenant } from '../tenants/index.ts';
import type { Access } from './access.ts';
import { readCookie } from './cookies.ts';
import { fitsSignature, signPath, type UrlSecret } from './signature.ts';

/** A JSON of claims in base64url, a dot, and its HMAC. */
const FORM = /^([A-Za-z0-9_-]{1,4000})\.([A-Za-z0-9_-]{43})$/;
/** The query's last parameter, as a signature would be. */
const IN_QUERY = /^([^#]*)[?&]t=([^&#]*)$/;
const IN_HEADER = /^Bearer ([A-Za-z0-9_-]+\.[A-Za-z0-9_-]+)$/i;
/** A token that is lost is good for no longer, whoever signed it. */
const LIFE_MS_MAX = 7 * 24 * 60 * 60 * 1_000;

/** A token as a request carries it. */
export interface PresentedToken {
  readonly token: string;
  /** Browsers send cookies long after they were good for anything: one that is not counts as none. */
  readonly isCookie: boolean;
}

export type TokenAccess = Extract<Access, { by: 'token' }>;

/** Name of the cookie: with the prefix that binds it to https where there is https (RFC 6265bis, 4.1.3.1). */
export function cookieName(request: FastifyRequest): string {
  return request.protocol === 'https' ? '__Secure-safelight-delivery' : 'safelight-delivery';
}

/** The token of the query goes before that of `Authorization`, and that before the cookie. */
export function presentedToken(request: FastifyRequest, url: string): PresentedToken | undefined {
  const inQuery = IN_QUERY.exec(url)?.[2];
  if (inQuery !== undefined) return { token: inQuery, isCookie: false };
  const { authorization, cookie } = request.headers;
  const inHeader = authorization === undefined ? undefined : IN_HEADER.exec(authorization)?.[1];
  if (inHeader !== undefined) return { token: inHeader, isCookie: false };
  const inCookie = cookie === undefined ? undefined : readCookie(request, cookieName(request));
  return inCookie === undefined ? undefined : { token: inCookie, isCookie: true };
}

/** The URL without the token that it may end with. */
export function withoutToken(url: string): string {
  return IN_QUERY.exec(url)?.[1] ?? url;
}

/** What a token opens at the moment; undefined when it is not this tenant's, is malformed, over or too long. */
export function openToken(clock: Clock, tenant: Tenant | undefined, token: string): TokenAccess | undefined {
  const [, payload = '', signature = ''] = FORM.exec(token) ?? [];
  if (!fitsSignature(tenant?.urlSecrets, `${DELIVERY_TOKEN_PREFIX}${payload}`, signature)) return undefined;
  const claims = deliveryClaimsSchema.safeParse(parseJson(Buffer.from(payload, 'base64url').toString()));
  if (!claims.success) return undefined;
  const { expires, images } = claims.data;
  const leftMs = expires * 1_000 - clock.now();
  if (leftMs <= 0 || leftMs > LIFE_MS_MAX) return undefined;
  return { by: 'token', images: images && new Set(images), leftMs };
}

/** Makes a token. @param expires seconds since 1970 */
export function signToken(secret: UrlSecret, expires: number, images: readonly string[] | undefined): string {
  const payload = Buffer.from(JSON.stringify({ expires, ...(images && { images }) })).toString('base64url');
  return `${payload}.${signPath(secret, `${DELIVERY_TOKEN_PREFIX}${payload}`)}`;
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
