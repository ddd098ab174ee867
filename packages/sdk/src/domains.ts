import type { Domain } from '@safelight/contract';
import { type CallOptions, json } from './images.ts';
import type { Transport } from './transport.ts';

/** Hosts at which the tenant's images are delivered; for keys with the scope `settings:manage`. */
export interface Domains {
  list(options?: CallOptions): Promise<readonly Domain[]>;
  /** Claims a host, or looks again whether its TXT record proves it: `record` says what it has to be. */
  put(host: string, options?: CallOptions & { readonly isPrimary?: boolean | undefined }): Promise<Domain>;
  /** Nothing is delivered there any more. */
  remove(host: string, options?: CallOptions): Promise<void>;
}

const PATH = '/v1/domains';

export function createDomains(transport: Transport): Domains {
  const pathOf = (host: string) => `${PATH}/${encodeURIComponent(host)}`;
  return {
    list: async (call) =>
      (await json<{ domains: Domain[] }>(transport, { method: 'GET', path: PATH, ...call })).domains,
    put: (host, { isPrimary, ...call } = {}) =>
      json<Domain>(transport, { method: 'PUT', path: pathOf(host), body: { isPrimary }, ...call }),
    remove: async (host, call) => {
      await json(transport, { method: 'DELETE', path: pathOf(host), ...call });
    },
  };
}
