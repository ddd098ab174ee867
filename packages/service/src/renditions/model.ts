import type { RenditionState } from '@safelight/contract';

/** One original under one transformation. */
export interface Rendition {
  readonly renditionId: string;
  readonly originalId: string;
  /** In canonical form. */
  readonly transformation: string;
  /** 32 bytes: canonical transformation and encoder version. */
  readonly digest: Uint8Array;
  readonly state: RenditionState;
  readonly jobId: string | undefined;
  readonly made: MadeRendition | undefined;
  readonly cause: RenditionCause | undefined;
}

/** What a ready rendition is. */
export interface MadeRendition {
  readonly objectKey: string;
  /** 32 bytes, of the object. */
  readonly sha256: Uint8Array;
  readonly bytes: number;
  readonly format: string;
  readonly width: number;
  readonly height: number;
  readonly renderMs: number;
}

/** Why a rendition failed, in words that a person can act on. */
export interface RenditionCause {
  readonly code: string;
  readonly message: string;
}

export interface RenditionRow {
  readonly rendition_id: string;
  readonly original_id: string;
  readonly transformation: string;
  readonly digest: Uint8Array;
  readonly state: RenditionState;
  readonly job_id: string | null;
  readonly object_key: string | null;
  readonly sha256: Uint8Array | null;
  readonly bytes: number | null;
  readonly format: string | null;
  readonly width: number | null;
  readonly height: number | null;
  readonly render_ms: number | null;
  readonly cause_code: string | null;
  readonly cause_message: string | null;
}

/** Columns of {@link RenditionRow}, of a table that goes by `alias`. */
export function renditionColumns(alias: string): string {
  return RENDITION_COLUMNS.map((column) => `${alias}.${column}`).join(', ');
}

const RENDITION_COLUMNS = [
  'rendition_id',
  'original_id',
  'transformation',
  'digest',
  'state',
  'job_id',
  'object_key',
  'sha256',
  'bytes',
  'format',
  'width',
  'height',
  'render_ms',
  'cause_code',
  'cause_message',
] as const satisfies readonly (keyof RenditionRow)[];

export function toRendition(row: RenditionRow): Rendition {
  return {
    renditionId: row.rendition_id,
    originalId: row.original_id,
    transformation: row.transformation,
    digest: row.digest,
    state: row.state,
    jobId: row.job_id ?? undefined,
    made: toMade(row),
    cause: row.cause_code === null ? undefined : { code: row.cause_code, message: row.cause_message ?? '' },
  };
}

function toMade(row: RenditionRow): MadeRendition | undefined {
  if (row.object_key === null || row.sha256 === null) return undefined;
  return {
    objectKey: row.object_key,
    sha256: row.sha256,
    bytes: row.bytes ?? 0,
    format: row.format ?? '',
    width: row.width ?? 0,
    height: row.height ?? 0,
    renderMs: row.render_ms ?? 0,
  };
}
