import type { FastifyRequest } from 'fastify';
import type { Clock } from '../core/clock.ts';
import type { Tenant } from '../tenants/index.ts';
import type { HttpContext } from './context.ts';
import { ProblemError } from './problem.ts';
import { queryOf } from './requested.ts';
import { fitsSignature, splitSignature } from './signature.ts';

/**
 * Holds a URL against its tenant's keys. Whatever is wrong with it (no signature, a malformed or foreign one, an unknown
 * tenant) is told in the same words, and nothing but the tenant is looked up before: who cannot sign learns nothing of
 * what exists.
 * @param allowsUnsigned what the tenant lets pass that carries no signature.
 * @returns the tenant, and the query without its signature.
 */
export async function openUrl(
  context: HttpContext,
  request: FastifyRequest,
  tenantName: string,
  allowsUnsigned: (tenant: Tenant) => boolean,
): Promise<{ readonly tenant: Tenant; readonly query: string }> {
  const url = request.raw.url ?? '';
  const signed = splitSignature(url);
  const tenant = await context.auth.tenant(tenantName);
  const isGood =
    signed.kind === 'signed'
      ? fitsSignature(tenant?.urlSecrets, signed.text, signed.signature)
      : signed.kind === 'unsigned' && tenant !== undefined && allowsUnsigned(tenant);
  if (!tenant || !isGood) throw signatureInvalid();
  const text = signed.kind === 'signed' ? signed.text : url;
  return { tenant, query: queryOf(text) };
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
