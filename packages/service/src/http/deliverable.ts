import type { Delivery, Lookup } from '../images/index.ts';

/** An immutable object on its way to a client. */
export interface Deliverable {
  readonly tenantId: string;
  readonly imageId: string;
  readonly objectKey: string;
  /** 32 bytes. */
  readonly sha256: Uint8Array;
  readonly bytes: number;
  readonly format: string;
  readonly filename: string | undefined;
  /** Bytes as a stranger sent them, not as our encoder wrote them. */
  readonly isUploaded: boolean;
  /** CPU milliseconds that making it took, once. */
  readonly renderMs: number;
}

/** What stands at a URL, and what it took to find it. */
export interface Found {
  readonly object: Deliverable;
  readonly foundIn: 'facts' | 'database';
  /** Milliseconds that the request waited for the rendition to be made; 0 when it was there. */
  readonly waitMs: number;
}

/** The bytes as they were uploaded. */
export function toOriginal(tenantId: string, imageId: string, { original }: Delivery): Deliverable {
  return { ...original, tenantId, imageId, isUploaded: true, renderMs: 0 };
}

/** The object of a ready rendition, or undefined when the look-up found anything else. */
export function toDeliverable(tenantId: string, imageId: string, lookup: Lookup<Delivery>): Deliverable | undefined {
  const made = lookup.state === 'found' ? lookup.value.rendition?.made : undefined;
  if (!made) return undefined;
  const { objectKey, sha256, bytes, format, renderMs } = made;
  return {
    tenantId,
    imageId,
    objectKey,
    sha256,
    bytes,
    format,
    filename: undefined,
    isUploaded: false,
    renderMs,
  };
}
