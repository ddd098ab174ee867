import type { AuditedEvent, AuditPage, AuditQuery } from '@safelight/contract';
import { type CallOptions, json } from './images.ts';
import type { Transport } from './transport.ts';

/** Who did what: the sealed log of the tenant; for keys with the scope `audit:read`. */
export interface Audit {
  /** One page, the newest first unless told otherwise. `next` of a page is `after` of the one behind it. */
  page(query?: AuditQuery, options?: CallOptions): Promise<AuditPage>;
  /** Every line that fits, page after page. */
  events(query?: AuditQuery, options?: CallOptions): AsyncIterable<AuditedEvent>;
}

export function createAudit(transport: Transport): Audit {
  const page = (query: AuditQuery = {}, call: CallOptions = {}) =>
    json<AuditPage>(transport, { method: 'GET', path: '/v1/audit', query: { ...query }, ...call });
  return {
    page,
    async *events(query = {}, call) {
      let after = query.after;
      do {
        const current: AuditPage = await page({ ...query, after }, call);
        yield* current.events;
        after = current.next;
      } while (after !== undefined);
    },
  };
}
