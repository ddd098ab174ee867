import type {
  NewWebhook,
  RotatedWebhookSecret,
  Webhook,
  WebhookChange,
  WebhookDelivery,
  WebhookDeliveryPage,
  WebhookWish,
} from '@safelight/contract';
import { type CallOptions, json } from './images.ts';
import type { Transport } from './transport.ts';

/** Where the tenant's own servers are told what happens; for keys with the scope `webhooks:manage`. */
export interface Webhooks {
  /** The secret of the answer verifies what arrives, and is shown this once. */
  create(webhook: WebhookWish, options?: CallOptions): Promise<NewWebhook>;
  list(options?: CallOptions): Promise<readonly Webhook[]>;
  get(id: string, options?: CallOptions): Promise<Webhook>;
  change(id: string, change: WebhookChange, options?: CallOptions): Promise<Webhook>;
  remove(id: string, options?: CallOptions): Promise<void>;
  /** Both secrets sign for `overlapSeconds`, a day if absent. */
  rotateSecret(
    id: string,
    options?: CallOptions & { readonly overlapSeconds?: number | undefined },
  ): Promise<RotatedWebhookSecret>;
  /** Has one message of the type `webhook.tested` sent to this webhook. */
  test(id: string, options?: CallOptions): Promise<void>;
  /** A page of what it was sent, the newest event first. `next` of a page is `after` of the one behind it. */
  deliveries(
    id: string,
    options?: CallOptions & {
      readonly limit?: number | undefined;
      readonly after?: number | undefined;
      readonly state?: WebhookDelivery['state'] | undefined;
    },
  ): Promise<WebhookDeliveryPage>;
  /** Sends one message again, or all since a time (ISO 8601) that were given up or never queued. @returns how many. */
  redeliver(
    id: string,
    what: { readonly eventId: string } | { readonly since: string },
    options?: CallOptions,
  ): Promise<number>;
}

const PATH = '/v1/webhooks';

export function createWebhooks(transport: Transport): Webhooks {
  const pathOf = (id: string, rest = '') => `${PATH}/${encodeURIComponent(id)}${rest}`;
  return {
    create: (webhook, call) => json<NewWebhook>(transport, { method: 'POST', path: PATH, body: webhook, ...call }),
    list: async (call) =>
      (await json<{ webhooks: Webhook[] }>(transport, { method: 'GET', path: PATH, ...call })).webhooks,
    get: (id, call) => json<Webhook>(transport, { method: 'GET', path: pathOf(id), ...call }),
    change: (id, change, call) =>
      json<Webhook>(transport, { method: 'PATCH', path: pathOf(id), body: change, ...call }),
    remove: async (id, call) => {
      await json(transport, { method: 'DELETE', path: pathOf(id), ...call });
    },
    rotateSecret: (id, { overlapSeconds, signal } = {}) => {
      const body = { overlapSeconds };
      return json<RotatedWebhookSecret>(transport, { method: 'POST', path: pathOf(id, '/rotate'), body, signal });
    },
    test: async (id, call) => {
      await json(transport, { method: 'POST', path: pathOf(id, '/test'), ...call });
    },
    deliveries: (id, { signal, ...query } = {}) =>
      json<WebhookDeliveryPage>(transport, { method: 'GET', path: pathOf(id, '/deliveries'), query, signal }),
    redeliver: async (id, what, call) => {
      const path = pathOf(id, '/redeliver');
      return (await json<{ queued: number }>(transport, { method: 'POST', path, body: what, ...call })).queued;
    },
  };
}
