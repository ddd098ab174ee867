import type { RenditionState } from '@safelight/contract';
import type { Location } from '../originals/index.ts';
import type { HeaderFacts, Looks, Rendition } from '../renditions/index.ts';

export interface Image {
  readonly tenantId: string;
  readonly imageId: string;
  readonly originalId: string;
  /** 32 bytes, of the original. */
  readonly sha256: Uint8Array;
  readonly filename: string | undefined;
  /** Shown to those alone who were given a signed URL or a token. */
  readonly isPrivate: boolean;
  readonly bytes: number;
  readonly format: string;
  readonly width: number;
  readonly height: number;
  readonly frames: number;
  /** EXIF's, of the stored file; width and height are as it is shown. */
  readonly orientation: number;
  readonly header?: Omit<HeaderFacts, 'location'> | undefined;
  /** Undefined until a job has seen the pixels. */
  readonly looks: Looks | undefined;
  /** Undefined unless the tenant keeps it. */
  readonly location?: Location | undefined;
  readonly tags: readonly string[];
  readonly createdAt: Date;
  /** Only while it is in the trash. */
  readonly trash?: { readonly trashedAt: Date; readonly erasesAt: Date } | undefined;
  readonly renditions: readonly Rendition[];
}

/** `pending` while a rendition is; `failed` when one failed; else `ready`. */
export function stateOfImage(image: Pick<Image, 'renditions'>): RenditionState {
  const states = new Set(image.renditions.map((rendition) => rendition.state));
  if (states.has('pending')) return 'pending';
  return states.has('failed') ? 'failed' : 'ready';
}
