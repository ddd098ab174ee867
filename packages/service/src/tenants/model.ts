import type { Scope } from '@safelight/contract';

/** What a tenant's URLs may ask for without a signature: presets alone, or any transformation. */
export const UNSIGNED_URLS = ['presets', 'open'] as const;
export type UnsignedUrls = (typeof UNSIGNED_URLS)[number];

/** What a tenant serves through the IIIF Image API: nothing, what `info.json` lists, or anything of level 2. */
export const IIIF_ACCESS = ['off', 'tiles', 'open'] as const;
export type IiifAccess = (typeof IIIF_ACCESS)[number];

export interface Tenant {
  readonly tenantId: string;
  /** The short name in URLs. */
  readonly slug: string;
  readonly weight: number;
  /** 32 bytes each, the newest first: that one signs this tenant's URLs, all of them verify. */
  readonly urlSecrets: readonly Uint8Array[];
  readonly unsignedUrls: UnsignedUrls;
  readonly iiif: IiifAccess;
}

/** What a request may do, and in whose name. */
export interface Principal {
  readonly tenantId: string;
  /** A key's id, or `session` for the loopback page. */
  readonly actor: string;
  readonly scopes: readonly Scope[];
}
