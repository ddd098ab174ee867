import type { KeyObject } from 'node:crypto';
import type { PlanDocument, Scope, TenantSettings, TenantStatus } from '@safelight/contract';
import type { TenantPresets } from './presets.ts';

/** What a tenant's URLs may ask for without a signature: presets alone, or any transformation. */
export const UNSIGNED_URLS = ['presets', 'open'] as const;
export type UnsignedUrls = (typeof UNSIGNED_URLS)[number];

/** What a tenant serves through the IIIF Image API: nothing, what `info.json` lists, or anything of level 2. */
export const IIIF_ACCESS = ['off', 'tiles', 'open'] as const;
export type IiifAccess = (typeof IIIF_ACCESS)[number];

/** A plan as a tenant has it: its numbers hold for this tenant until it is asked for anew, five seconds at most. */
export interface TenantPlan extends PlanDocument {
  readonly name: string;
  readonly version: number;
}

/** Whose keys the operator holds: never suspended or deleted. */
export const OPERATOR_TENANT = 'operator';

export interface Tenant {
  readonly tenantId: string;
  /** The short name in URLs. */
  readonly slug: string;
  readonly weight: number;
  /**
   * 32 bytes each, the newest first: that one signs this tenant's URLs, all of them verify. Made into key objects once: a
   * signature by bare bytes takes four times as long.
   */
  readonly urlSecrets: readonly KeyObject[];
  readonly unsignedUrls: UnsignedUrls;
  readonly iiif: IiifAccess;
  /** What people call it. */
  readonly displayName: string | undefined;
  readonly status: TenantStatus;
  /** Since when. */
  readonly statusAt: Date;
  /** Whether what exists is delivered; true while it is active. */
  readonly delivers: boolean;
  readonly keepsLocation: boolean;
  readonly createdAt: Date;
  readonly plan: TenantPlan;
  /** With the defaults of the contract for what was never set. */
  readonly settings: TenantSettings;
  readonly presets: TenantPresets;
  /** Host at which its images are delivered by preference; proved. */
  readonly domain: string | undefined;
}

/** What a request may do, and in whose name. */
export interface Principal {
  readonly tenantId: string;
  /** A key's id, or `session` for the loopback page. */
  readonly actor: string;
  readonly scopes: readonly Scope[];
}

/** The tenant was suspended or deleted while a request of it was under way. */
export class TenantNotActiveError extends Error {
  override readonly name = 'TenantNotActiveError';
}
