import type { Scope } from '@safelight/contract';
import type { FastifyReply, FastifyRequest } from 'fastify';
import type { Transaction } from '../db/database.ts';
import type { Principal, Tenant } from '../tenants/index.ts';
import { findUploadToken, spendUploadToken, type UploadToken } from '../uploads/index.ts';
import { type HttpContext, tenantOf } from './context.ts';
import { ProblemError } from './problem.ts';
import { refuseWrite } from './standing.ts';

/** Who sends images: the bearer of a key or a session, or of a token that allows a few. */
export interface Uploader {
  readonly tenant: Tenant;
  readonly principal: Principal;
  readonly token: UploadToken | undefined;
}

const SCOPE: Scope = 'images:write';
/** What a page of another origin may read of an answer, besides what every page may. */
const EXPOSED = [
  'location',
  'retry-after',
  'safelight-image',
  'tus-resumable',
  'tus-version',
  'upload-expires',
  'upload-length',
  'upload-metadata',
  'upload-offset',
  'x-request-id',
].join(', ');

/**
 * Whoever may send images by this request. A page of any origin, or of the one that its token names, may use a token:
 * nothing that a browser adds by itself speaks for anybody here.
 * @throws ProblemError of the key, or `origin_refused`.
 */
export async function uploaderOf(
  context: HttpContext,
  request: FastifyRequest,
  reply: FastifyReply,
): Promise<Uploader> {
  const secret = /^Bearer (slup_[^\s]{1,200})$/i.exec(request.headers.authorization ?? '')?.[1];
  if (secret === undefined) {
    const principal = await context.auth.principal(request, SCOPE);
    return { tenant: await tenantOf(context, principal), principal, token: undefined };
  }
  const { origin } = request.headers;
  if (origin !== undefined) {
    reply.headers({ 'access-control-allow-origin': origin, 'access-control-expose-headers': EXPOSED, vary: 'origin' });
  }
  const token = await findUploadToken(context.database, secret);
  if (!token) throw new ProblemError('key_invalid', { detail: 'The upload token is unknown or expired.' });
  if (token.origin !== undefined && origin !== token.origin)
    throw new ProblemError('origin_refused', { detail: 'This upload token belongs to pages of another origin.' });
  const principal = { tenantId: token.tenantId, actor: token.tokenId, scopes: [SCOPE] };
  const tenant = await tenantOf(context, principal);
  if (request.method !== 'GET' && request.method !== 'HEAD') refuseWrite(tenant);
  await context.rates.admit(request, tenant);
  return { tenant, principal, token };
}

/** What an image by `uploader` is held to. @throws ProblemError when its token allows no further one. */
export function boundsOf({ token }: Uploader) {
  if (!token) return {};
  if (token.images >= token.imagesMax) throw new ProblemError('upload_token_spent');
  return { bytesMax: token.bytesMax, formats: token.formats };
}

/** Counts the image in the transaction that accepts it. */
export async function spendToken(tx: Transaction, { token }: Uploader): Promise<void> {
  if (token) await spendUploadToken(tx, token.tenantId, token.tokenId);
}
