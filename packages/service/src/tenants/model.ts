import type { Scope } from '@safelight/contract';

export interface Tenant {
  readonly tenantId: string;
  /** The short name in URLs. */
  readonly slug: string;
  readonly weight: number;
  /** 32 bytes; signs this tenant's URLs. */
  readonly urlSecret: Uint8Array;
}

/** What a request may do, and in whose name. */
export interface Principal {
  readonly tenantId: string;
  /** A key's id, or `session` for the loopback page. */
  readonly actor: string;
  readonly scopes: readonly Scope[];
}
