import type { Problem } from '@safelight/contract';

/** Each may hold the bytes of one whole picture in staging. */
export const UPLOADS_OPEN_MAX = 1_000;

export type UploadKind = 'resumable' | 'direct';
export type UploadState = 'open' | 'finished' | 'refused';

/** An upload that takes several requests. */
export interface UploadInProgress {
  readonly tenantId: string;
  readonly uploadId: string;
  readonly kind: UploadKind;
  readonly state: UploadState;
  readonly tokenId: string | undefined;
  /** What it will have when it is whole. */
  readonly bytes: number;
  /** Of a resumable one, in order and durable; `bytes` only when the image was accepted. */
  readonly received: number;
  /** 32 bytes that its client promised. */
  readonly sha256: Uint8Array | undefined;
  readonly filename: string | undefined;
  readonly tags: readonly string[];
  /** Undefined: as its tenant's settings have it. */
  readonly isPrivate: boolean | undefined;
  readonly metadata: Readonly<Record<string, string | null>> | undefined;
  /** Where the client of a direct one puts it. */
  readonly objectKey: string | undefined;
  readonly imageId: string | undefined;
  /** Why it was refused. */
  readonly problem: Problem | undefined;
  readonly expiresAt: Date;
  readonly isExpired: boolean;
}

/** The right to write to an upload, until somebody else has it. */
export interface UploadHold {
  readonly tenantId: string;
  readonly uploadId: string;
  /** Grows each time that it is taken: what a former holder writes changes nothing. */
  readonly token: number;
}

/** The hold was lost to another request, or the upload is over: nothing was changed. */
export class UploadLostError extends Error {
  override readonly name = 'UploadLostError';
  constructor({ uploadId }: Pick<UploadHold, 'uploadId'>) {
    super(`the upload ${uploadId} is held by another request, or over`);
  }
}
