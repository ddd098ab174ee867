import type { FastifyRequest } from 'fastify';
import type { Clock } from '../core/clock.ts';
import type { Tenant } from '../tenants/index.ts';
import { type Access, NO_ACCESS, opens } from './access.ts';
import { admitDelivery } from './admit-delivery.ts';
import type { HttpContext } from './context.ts';
import { openToken, presentedToken, withoutToken } from './delivery-token.ts';
import { ProblemError } from './problem.ts';
import { queryOf } from './requested.ts';
import { fitsSignature, splitSignature } from './signature.ts';
import { refuseDelivery } from './standing.ts';

const EXPIRES = /(?:^|&)expires=(\d{1,11})(?:&|$)/;

/** What a URL was found to be. */
export interface OpenedUrl {
  readonly tenant: Tenant;
  /** Without its signature or token. */
  readonly query: string;
  /** Whether a key of the tenant stands over the whole of it. */
  readonly isSigned: boolean;
  /** What it lets its bearer see besides what everybody sees. */
  readonly access: Access;
  /** `private` where not the URL itself opened the way: a shared cache would hand the answer to everybody. */
  readonly scope: 'public' | 'private';
}

/**
 * Holds a URL against its tenant's keys. Whatever is wrong with it (no signature, a malformed or foreign one, an unknown
 * tenant) is told in the same words, and nothing but the tenant is looked up before: who cannot sign learns nothing of
 * what exists. A delivery token for the image stands in for a signature.
 * @param allowsUnsigned what the tenant lets pass that carries no signature.
 */
export async function openUrl(
  context: HttpContext,
  request: FastifyRequest,
  address: { readonly tenant: string; readonly image: string },
  allowsUnsigned: (tenant: Tenant) => boolean,
): Promise<OpenedUrl> {
  const url = request.raw.url ?? '';
  const signed = splitSignature(url);
  const tenant = await context.auth.tenant(address.tenant);
  if (tenant) refuseDelivery(tenant);
  if (signed.kind === 'signed') {
    if (!fitsSignature(tenant?.urlSecrets, signed.text, signed.signature) || !tenant) throw signatureInvalid();
    await admitDelivery(context, request, tenant);
    const query = queryOf(signed.text);
    return { tenant, query, isSigned: true, access: signedAccess(context.clock, query), scope: 'public' };
  }
  const access = tokenAccess(context.clock, tenant, request, url);
  const isOpen = tenant !== undefined && allowsUnsigned(tenant);
  if (!tenant || signed.kind === 'malformed' || !(isOpen || opens(access, address.image))) throw signatureInvalid();
  await admitDelivery(context, request, tenant);
  return { tenant, query: queryOf(withoutToken(url)), isSigned: false, access, scope: isOpen ? 'public' : 'private' };
}

/**
 * A signature opens a private image only if it ends: one that was made while everybody could see the image would else
 * open it for as long as its key lives.
 */
function signedAccess(clock: Clock, query: string): Access {
  const expires = EXPIRES.exec(query)?.[1];
  const leftMs = expires === undefined ? 0 : Number(expires) * 1_000 - clock.now();
  return leftMs > 0 ? { by: 'signature', leftMs } : NO_ACCESS;
}

/** @throws ProblemError for a token that is not good, unless a browser sent it by itself. */
function tokenAccess(clock: Clock, tenant: Tenant | undefined, request: FastifyRequest, url: string): Access {
  const presented = presentedToken(request, url);
  if (!presented) return NO_ACCESS;
  const opened = openToken(clock, tenant, presented.token);
  if (!opened && !presented.isCookie) throw signatureInvalid();
  return opened ?? NO_ACCESS;
}

/** What opens a IIIF URL; one that is not good opens nothing, since its tenant is known only if its image is there. */
export function iiifAccess(clock: Clock, tenant: Tenant, request: FastifyRequest): Access {
  const url = request.raw.url ?? '';
  const signed = splitSignature(url);
  if (signed.kind === 'malformed') return NO_ACCESS;
  if (signed.kind === 'signed') {
    const isGood = fitsSignature(tenant.urlSecrets, signed.text, signed.signature);
    return isGood ? signedAccess(clock, queryOf(signed.text)) : NO_ACCESS;
  }
  const presented = presentedToken(request, url);
  return (presented && openToken(clock, tenant, presented.token)) ?? NO_ACCESS;
}

/** @returns milliseconds until a URL expires, if it does. @throws ProblemError when it has. */
export function refuseExpired(clock: Clock, expires: number | undefined): number | undefined {
  if (expires === undefined) return undefined;
  const leftMs = expires - clock.now();
  if (leftMs <= 0) throw signatureInvalid();
  return leftMs;
}

function signatureInvalid(): ProblemError {
  return new ProblemError('signature_invalid');
}
