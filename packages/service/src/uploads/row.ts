import type { Problem } from '@safelight/contract';
import type { UploadInProgress, UploadKind, UploadState } from './model.ts';

export interface UploadRow {
  readonly tenant_id: string;
  readonly upload_id: string;
  readonly kind: UploadKind;
  readonly state: UploadState;
  readonly token_id: string | null;
  readonly bytes: number;
  readonly received: number;
  readonly sha256: Uint8Array | null;
  readonly filename: string | null;
  readonly tags: string[];
  readonly private: boolean | null;
  readonly metadata: Record<string, string | null> | null;
  readonly object_key: string | null;
  readonly image_id: string | null;
  readonly problem: Problem | null;
  readonly expires_at: Date;
  readonly is_expired: boolean;
}

export function toUpload(row: UploadRow): UploadInProgress {
  return {
    tenantId: row.tenant_id,
    uploadId: row.upload_id,
    kind: row.kind,
    state: row.state,
    tokenId: row.token_id ?? undefined,
    bytes: row.bytes,
    received: row.received,
    sha256: row.sha256 ?? undefined,
    filename: row.filename ?? undefined,
    tags: row.tags,
    isPrivate: row.private ?? undefined,
    metadata: row.metadata ?? undefined,
    objectKey: row.object_key ?? undefined,
    imageId: row.image_id ?? undefined,
    problem: row.problem ?? undefined,
    expiresAt: row.expires_at,
    isExpired: row.is_expired,
  };
}
