import { isId } from '../core/ids.ts';
import { getUpload, type UploadInProgress } from '../uploads/index.ts';
import type { HttpContext } from './context.ts';
import { ProblemError } from './problem.ts';
import type { Uploader } from './uploader.ts';

/**
 * The upload of an id. Whose it is not, it is not there for: another tenant's, or another token's.
 * @throws ProblemError `upload_not_found`, or `upload_gone` when its time is over.
 */
export async function theirUpload(
  { database }: Pick<HttpContext, 'database'>,
  { tenant, token }: Uploader,
  id: string,
  kind?: UploadInProgress['kind'],
): Promise<UploadInProgress> {
  const upload = isId('upload', id) ? await getUpload(database, tenant.tenantId, id) : undefined;
  const isTheirs = upload && (!token || token.tokenId === upload.tokenId) && (!kind || kind === upload.kind);
  if (!isTheirs) throw new ProblemError('upload_not_found');
  if (upload.isExpired) throw new ProblemError('upload_gone', { detail: 'It was not finished in time.' });
  return upload;
}

/** @throws ProblemError `upload_gone`, with why. */
export function refuseRefused({ state, problem }: UploadInProgress): void {
  if (state === 'refused') throw new ProblemError('upload_gone', { detail: problem?.detail ?? problem?.title });
}
