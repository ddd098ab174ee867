import type { NodePage, Purge, Session } from '@safelight/contract';
import { createImages, type Images, json } from './images.ts';
import { RETRY_DEFAULTS, type RetryPolicy } from './retry.ts';
import { createTransport } from './transport.ts';

export interface ClientOptions {
  /** Where Safelight answers, such as `https://images.example.org`. */
  readonly baseUrl: string | URL;
  /** An API key; without one the browser's cookies speak. */
  readonly key?: string | undefined;
  /** Replaces the platform's fetch. */
  readonly fetch?: typeof fetch | undefined;
  readonly retry?: Partial<RetryPolicy> | undefined;
}

export interface SafelightClient {
  readonly images: Images;
  /** Has all caches drop what they hold of an image, or of the whole tenant. The original pictures stay. */
  purge(options?: { readonly image?: string | undefined; readonly signal?: AbortSignal | undefined }): Promise<Purge>;
  /** A page of the nodes of the installation; for a key of the operator. `next` of a page is `after` of the one behind it. */
  nodes(options?: {
    readonly limit?: number | undefined;
    readonly after?: string | undefined;
    readonly signal?: AbortSignal | undefined;
  }): Promise<NodePage>;
  /** Opens the session of a page that Safelight itself serves on this machine. */
  openSession(options?: { readonly signal?: AbortSignal | undefined }): Promise<Session>;
}

/** A client of one Safelight; holds no connection and no state, so it needs no closing. */
export function createClient(options: ClientOptions): SafelightClient {
  const transport = createTransport({
    baseUrl: options.baseUrl,
    key: options.key,
    // Called as a bare function: browsers refuse a fetch whose `this` is not the window.
    fetch: options.fetch ?? ((input, init) => fetch(input, init)),
    retry: { ...RETRY_DEFAULTS, ...options.retry },
  });
  return {
    images: createImages(transport),
    purge: ({ image, signal } = {}) =>
      json<Purge>(transport, { method: 'POST', path: '/v1/purge', query: { image }, signal }),
    nodes: ({ limit, after, signal } = {}) =>
      json<NodePage>(transport, { method: 'GET', path: '/v1/admin/nodes', query: { limit, after }, signal }),
    openSession: (call) => json<Session>(transport, { method: 'POST', path: '/v1/session', ...call }),
  };
}
