import type { Limits, Purge, Session } from '@safelight/contract';
import { type Audit, createAudit } from './audit.ts';
import { createDeliveryTokens, type DeliveryTokens } from './delivery-tokens.ts';
import { createDomains, type Domains } from './domains.ts';
import { createErasures, type Erasures } from './erasures.ts';
import { createFleet, type Fleet } from './fleet.ts';
import { type CallOptions, createImages, type Images, json } from './images.ts';
import { createKeys, type Keys } from './keys.ts';
import { createPeople, type People } from './people.ts';
import { createPresets, type Presets } from './presets.ts';
import { RETRY_DEFAULTS, type RetryPolicy } from './retry.ts';
import { createSessions, type Sessions } from './session.ts';
import { createSettings, type SettingsKeeper } from './settings.ts';
import { createTenants, type Tenants } from './tenants.ts';
import { createTransport } from './transport.ts';
import { createUploads, type Uploads } from './uploads.ts';
import { type BudgetKeeper, createUsage, type UsageReader } from './usage.ts';
import { createWebhooks, type Webhooks } from './webhooks.ts';

export interface ClientOptions {
  /** Where Safelight answers, such as `https://images.example.org`. */
  readonly baseUrl: string | URL;
  /** An API key; without one the browser's cookies speak. */
  readonly key?: string | undefined;
  /** Replaces the platform's fetch. */
  readonly fetch?: typeof fetch | undefined;
  readonly retry?: Partial<RetryPolicy> | undefined;
}

export interface SafelightClient extends Fleet {
  readonly images: Images;
  readonly uploads: Uploads;
  readonly erasures: Erasures;
  readonly audit: Audit;
  readonly webhooks: Webhooks;
  readonly presets: Presets;
  readonly settings: SettingsKeeper;
  readonly domains: Domains;
  readonly deliveryTokens: DeliveryTokens;
  readonly keys: Keys;
  readonly people: People;
  readonly tenants: Tenants;
  readonly session: Sessions;
  readonly usage: UsageReader;
  readonly budget: BudgetKeeper;
  /** What the plan of the tenant allows, and how much of it is used. */
  readonly limits: (options?: CallOptions) => Promise<Limits>;
  /** Has all caches drop what they hold of an image, or of the whole tenant. The original pictures stay. */
  purge(options?: { readonly image?: string | undefined; readonly signal?: AbortSignal | undefined }): Promise<Purge>;
  /** Of a page that Safelight itself serves: see {@link Sessions}. */
  openSession(options?: { readonly signal?: AbortSignal | undefined }): Promise<Session>;
}

/** A client of one Safelight; holds no connection, so it needs no closing, and remembers how new the newest answer was. */
export function createClient(options: ClientOptions): SafelightClient {
  const transport = createTransport({
    baseUrl: options.baseUrl,
    key: options.key,
    // Called as a bare function: browsers refuse a fetch whose `this` is not the window.
    fetch: options.fetch ?? ((input, init) => fetch(input, init)),
    retry: { ...RETRY_DEFAULTS, ...options.retry },
  });
  const session = createSessions(transport);
  return {
    images: createImages(transport),
    uploads: createUploads(transport, String(options.baseUrl)),
    erasures: createErasures(transport),
    audit: createAudit(transport),
    webhooks: createWebhooks(transport),
    presets: createPresets(transport),
    settings: createSettings(transport),
    domains: createDomains(transport),
    deliveryTokens: createDeliveryTokens(transport),
    keys: createKeys(transport),
    people: createPeople(transport),
    tenants: createTenants(transport),
    session,
    ...createUsage(transport),
    purge: ({ image, signal } = {}) =>
      json<Purge>(transport, { method: 'POST', path: '/v1/purge', query: { image }, signal }),
    ...createFleet(transport),
    openSession: session.open,
  };
}
