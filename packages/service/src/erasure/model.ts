import type { Receipt } from '@safelight/contract';

export interface Erasure {
  readonly tenantId: string;
  readonly erasureId: string;
  readonly scope: 'image' | 'tenant';
  readonly imageId: string | undefined;
  /** `running`: rows are being removed; `removed`: objects may be left; `signed`: nothing is left. */
  readonly state: 'running' | 'removed' | 'signed';
  readonly actor: string;
  readonly requestedAt: Date;
  readonly objectKeys: readonly string[];
  readonly removed: RemovedCounts;
}

/** What was removed, as it was. */
export interface RemovedCounts {
  readonly original?: Receipt['original'];
  readonly rows?: Receipt['rows'];
  readonly objects?: Receipt['objects'];
  readonly purged?: readonly string[];
}

/** A key is `{tenant}/{kind}/{uuid}`. */
export function kindOf(objectKey: string): string {
  return objectKey.split('/')[1] ?? 'other';
}
