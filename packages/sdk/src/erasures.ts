import type { Erasure, ErasurePage, SignedReceipt } from '@safelight/contract';
import { type CallOptions, json } from './images.ts';
import type { Transport } from './transport.ts';

const ERASURES_PATH = '/v1/erasures';

export interface Erasures {
  /** One page, the newest first. */
  list(options?: CallOptions & { readonly limit?: number; readonly after?: string | undefined }): Promise<ErasurePage>;
  /** The signed receipt; `undefined` until everything is gone and it is signed, a second as a rule. */
  receipt(id: string, options?: CallOptions): Promise<SignedReceipt | undefined>;
}

/** What was erased of the key's tenant. */
export function createErasures(transport: Transport): Erasures {
  return {
    list: ({ signal, ...query } = {}) =>
      json<ErasurePage>(transport, { method: 'GET', path: ERASURES_PATH, query, signal }),
    receipt: async (id, options) => {
      const path = `${ERASURES_PATH}/${encodeURIComponent(id)}`;
      const told = await json<SignedReceipt | Erasure>(transport, { method: 'GET', path, ...options });
      return 'receipt' in told ? told : undefined;
    },
  };
}
