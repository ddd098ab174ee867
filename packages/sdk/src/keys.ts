import type { Key, KeyPage, KeyWish, NewKey } from '@safelight/contract';
import { type CallOptions, json } from './images.ts';
import type { Transport } from './transport.ts';

/** The tenant's keys; for keys and people with the scope `keys:manage`. */
export interface Keys {
  /** A key that may do no more than this client. Its `secret` is shown this once. */
  create(key: KeyWish, options?: CallOptions): Promise<NewKey>;
  /** A page, the newest first. `next` of a page is `after` of the one behind it. */
  list(
    options?: CallOptions & { readonly limit?: number | undefined; readonly after?: string | undefined },
  ): Promise<KeyPage>;
  /** Gives it a new secret, shown this once; the old one opens for `overlapSeconds` too, a day if absent. */
  rotate(id: string, options?: CallOptions & { readonly overlapSeconds?: number | undefined }): Promise<NewKey>;
  /** Ends it, within five seconds everywhere. */
  revoke(id: string, options?: CallOptions): Promise<Key>;
}

const PATH = '/v1/keys';

export function createKeys(transport: Transport): Keys {
  const pathOf = (id: string) => `${PATH}/${encodeURIComponent(id)}`;
  return {
    create: (key, call) => json<NewKey>(transport, { method: 'POST', path: PATH, body: key, ...call }),
    list: ({ signal, ...query } = {}) => json<KeyPage>(transport, { method: 'GET', path: PATH, query, signal }),
    rotate: (id, { overlapSeconds, signal } = {}) => {
      const body = { overlapSeconds };
      return json<NewKey>(transport, { method: 'POST', path: `${pathOf(id)}/rotate`, body, signal });
    },
    revoke: (id, call) => json<Key>(transport, { method: 'DELETE', path: pathOf(id), ...call }),
  };
}
