import { invariant } from '../core/invariant.ts';
import type { Database } from '../db/database.ts';
import { UPLOADS_OPEN_MAX, type UploadHold, type UploadInProgress, type UploadKind } from './model.ts';
import { toUpload, type UploadRow } from './row.ts';
import { COUNT_OPEN, HOLD_OPENING, INSERT_UPLOAD } from './uploads.sql.ts';

export interface NewUpload {
  /** Fresh. */
  readonly uploadId: string;
  readonly tenantId: string;
  readonly kind: UploadKind;
  readonly tokenId?: string | undefined;
  readonly bytes: number;
  readonly sha256?: Uint8Array | undefined;
  readonly filename?: string | undefined;
  readonly tags: readonly string[];
  readonly isPrivate?: boolean | undefined;
  readonly metadata?: Readonly<Record<string, string | null>> | undefined;
  readonly objectKey?: string | undefined;
  readonly expiresInSeconds: number;
  /** How long the request that opens it holds it; 0 when it does not. */
  readonly leaseSeconds: number;
}

/** The tenant has as many uploads under way as it may. */
export class TooManyUploadsError extends Error {
  override readonly name = 'TooManyUploadsError';
  readonly limit = UPLOADS_OPEN_MAX;
}

/** Begins an upload. @returns it, held. @throws TooManyUploadsError */
export async function openUpload(
  database: Database,
  upload: NewUpload,
): Promise<{ readonly upload: UploadInProgress; readonly hold: UploadHold }> {
  const { tenantId, uploadId } = upload;
  return database.asTenant(tenantId, async (tx) => {
    await tx.query(HOLD_OPENING, [tenantId]);
    const [open] = await tx.query<{ count: number }>(COUNT_OPEN, [tenantId]);
    if ((open?.count ?? 0) >= UPLOADS_OPEN_MAX) throw new TooManyUploadsError('too many uploads are under way');
    const [row] = await tx.query<UploadRow>(INSERT_UPLOAD, [
      tenantId,
      uploadId,
      upload.kind,
      upload.tokenId ?? null,
      upload.bytes,
      upload.sha256 ?? null,
      upload.filename ?? null,
      [...upload.tags],
      upload.metadata ? JSON.stringify(upload.metadata) : null,
      upload.objectKey ?? null,
      upload.expiresInSeconds,
      upload.leaseSeconds,
      upload.isPrivate ?? null,
    ]);
    invariant(row, 'an inserted upload answers its row');
    return { upload: toUpload(row), hold: { tenantId, uploadId, token: 1 } };
  });
}
