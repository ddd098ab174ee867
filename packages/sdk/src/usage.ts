import type { Budget, BudgetBounds, Limits, Usage, UsageEvent, UsageEventPage } from '@safelight/contract';
import { type CallOptions, json } from './images.ts';
import type { Transport } from './transport.ts';

export interface UsageOptions extends CallOptions {
  /** ISO 8601; absent: the beginning of the month. */
  readonly from?: string | undefined;
  /** ISO 8601; absent: now. */
  readonly to?: string | undefined;
  /** A day if absent. */
  readonly by?: 'hour' | 'day' | undefined;
}

/** What the tenant uses and what it costs; for keys with the scope `usage:read`. */
export interface UsageReader {
  get(options?: UsageOptions): Promise<Usage>;
  /** The rows as CSV. */
  csv(options?: UsageOptions): Promise<string>;
  /**
   * Every hour to which nothing comes any more, as CloudEvents, from behind the time of the last one read. The id of an
   * event is always the same, so that reading one twice does no harm.
   */
  events(options?: CallOptions & { readonly after?: string | undefined }): AsyncGenerator<UsageEvent, void, void>;
}

export interface BudgetKeeper {
  get(options?: CallOptions): Promise<Budget>;
  /** Sets both bounds, in millionths of the currency's unit; needs the scope `budget:manage`. */
  set(bounds: BudgetBounds, options?: CallOptions): Promise<Budget>;
}

export function createUsage(transport: Transport): {
  readonly usage: UsageReader;
  readonly budget: BudgetKeeper;
  /** What the plan of the tenant allows, and how much of it is used. */
  readonly limits: (options?: CallOptions) => Promise<Limits>;
} {
  return {
    usage: {
      get: ({ signal, ...query } = {}) => json<Usage>(transport, { method: 'GET', path: '/v1/usage', query, signal }),
      csv: async ({ signal, ...range } = {}) => {
        const call = { method: 'GET', path: '/v1/usage', query: { ...range, format: 'csv' }, signal } as const;
        return (await transport.call({ ...call, repeatable: true })).text();
      },
      events: ({ signal, after } = {}) => readEvents(transport, after, signal),
    },
    limits: (call) => json<Limits>(transport, { method: 'GET', path: '/v1/limits', ...call }),
    budget: {
      get: (call) => json<Budget>(transport, { method: 'GET', path: '/v1/budget', ...call }),
      set: (bounds, call) => json<Budget>(transport, { method: 'PUT', path: '/v1/budget', body: bounds, ...call }),
    },
  };
}

async function* readEvents(transport: Transport, begin: string | undefined, signal: AbortSignal | undefined) {
  for (let after = begin; ; ) {
    const call = { method: 'GET', path: '/v1/usage/events', query: { after }, signal } as const;
    const { events, next } = await json<UsageEventPage>(transport, call);
    yield* events;
    if (next === undefined) return;
    after = next;
  }
}
