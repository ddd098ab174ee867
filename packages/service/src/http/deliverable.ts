import type { Delivery, Lookup } from '../images/index.ts';

/** An immutable object on its way to a client. */
export interface Deliverable {
  readonly tenantId: string;
  readonly imageId: string;
  /** For those alone who were given a signed URL or a token. */
  readonly isPrivate: boolean;
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
  /** Shown in the place of another, which is not made now: to be kept by nobody. */
  readonly isStandIn?: boolean;
}

/** The bytes as they were uploaded. */
export function toOriginal(tenantId: string, imageId: string, { original, isPrivate }: Delivery): Deliverable {
  return { ...original, tenantId, imageId, isPrivate, isUploaded: true, renderMs: 0 };
}

/** The object of a ready rendition, or undefined when the look-up found anything else. */
export function toDeliverable(tenantId: string, imageId: string, lookup: Lookup<Delivery>): Deliverable | undefined {
  const delivery = lookup.state === 'found' ? lookup.value : undefined;
  const made = delivery?.rendition?.made;
  if (!delivery || !made) return undefined;
  const { objectKey, sha256, bytes, format, renderMs } = made;
  return {
    tenantId,
    imageId,
    isPrivate: delivery.isPrivate,
    objectKey,
    sha256,
    bytes,
    format,
    filename: undefined,
    isUploaded: false,
    renderMs,
  };
}
