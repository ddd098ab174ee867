import { type Consistency, POSITION_HEADER } from '@safelight/contract';
import { errorOfResponse, SafelightError, unreachable } from './errors.ts';
import { chance, pause, type RetryPolicy, retryDelayMs } from './retry.ts';

export interface Call {
  readonly method: 'GET' | 'HEAD' | 'POST' | 'PUT' | 'PATCH' | 'DELETE';
  /** Absolute path with its parameters encoded. */
  readonly path: string;
  readonly query?: Readonly<Record<string, string | number | undefined>>;
  readonly headers?: Readonly<Record<string, string | undefined>>;
  /** Whether a second sending has the same effect as the first: then failures that may pass are repeated. */
  readonly repeatable: boolean;
  /** How new the answer to a read has to be; at least as new as what this client has seen. */
  readonly consistency?: Consistency | undefined;
  readonly signal?: AbortSignal | undefined;
}

/** A request as it goes out, once per attempt. */
export interface Outgoing {
  readonly method: string;
  readonly url: string;
  readonly headers: Headers;
  readonly signal: AbortSignal | undefined;
}

/** Sends one attempt; rejects when no answer came. */
export type Send = (outgoing: Outgoing) => Promise<Response>;

export interface Transport {
  readonly fetch: typeof fetch;
  /** The answer when it is below 400; else rejects with {@link SafelightError}. `send` replaces the plain fetch. */
  call(call: Call, send?: Send): Promise<Response>;
  /** The caller was told something of which nobody says how new it is: the next answer shows everything. */
  unsettle(): void;
  /** What a session of a person demands of everything that changes something; undefined: there is none. */
  csrf(token: string | undefined): void;
}

export interface TransportOptions {
  readonly baseUrl: string | URL;
  readonly key?: string | undefined;
  readonly fetch: typeof fetch;
  readonly retry: RetryPolicy;
}

/**
 * Addresses, authenticates, repeats within the budget, and turns refusals into errors. Remembers how new the newest
 * answer was, and asks for none that is older: behind a balancer, each node may read another copy of the database.
 */
export function createTransport(options: TransportOptions): Transport {
  const plainSend: Send = ({ url, signal, ...init }) => options.fetch(url, { ...init, ...(signal && { signal }) });

  let position: string | undefined;
  let csrfToken: string | undefined;
  let unsettled = 0;
  let settled = 0;

  function freshness({ consistency }: Call): Record<string, string | undefined> {
    // Nothing is asked of a service that keeps one copy.
    const isBehind = position !== undefined && settled < unsettled;
    return { consistency: consistency ?? (isBehind ? 'strong' : undefined), [POSITION_HEADER]: position };
  }

  async function call(one: Call, send: Send = plainSend): Promise<Response> {
    const unsettledBefore = unsettled;
    const outgoing = {
      method: one.method,
      url: address(options.baseUrl, one),
      headers: headersOf({ ...freshness(one), 'x-csrf-token': csrfToken, ...one.headers }, options.key),
      signal: one.signal,
    };
    let waitedMs = 0;
    for (let retry = 0; ; retry++) {
      const answer = await attempt(send, outgoing);
      if (!(answer instanceof SafelightError)) {
        const seen = answer.headers.get(POSITION_HEADER);
        if (seen !== null) settled = Math.max(settled, unsettledBefore);
        if (seen !== null && seen > (position ?? '')) position = seen;
        return answer;
      }
      const delayMs = one.repeatable ? retryDelayMs(answer, retry, waitedMs, options.retry, chance()) : undefined;
      if (delayMs === undefined) throw answer;
      await pause(delayMs, one.signal);
      waitedMs += delayMs;
    }
  }

  const unsettle = () => {
    unsettled += 1;
  };
  const csrf = (token: string | undefined) => {
    csrfToken = token;
  };
  return { fetch: options.fetch, call, unsettle, csrf };
}

async function attempt(send: Send, outgoing: Outgoing): Promise<Response | SafelightError> {
  outgoing.signal?.throwIfAborted();
  try {
    const response = await send(outgoing);
    return response.status < 400 ? response : await errorOfResponse(response);
  } catch (error) {
    // Not the request's failure: the caller has had enough.
    outgoing.signal?.throwIfAborted();
    return unreachable(error);
  }
}

function address(baseUrl: string | URL, call: Call): string {
  const base = new URL(baseUrl);
  const url = new URL(base.pathname.replace(/\/$/, '') + call.path, base);
  for (const [name, value] of Object.entries(call.query ?? {})) {
    if (value !== undefined) url.searchParams.set(name, String(value));
  }
  return url.href;
}

function headersOf(told: Readonly<Record<string, string | undefined>>, key: string | undefined): Headers {
  const headers = new Headers({ accept: 'application/json' });
  if (key !== undefined) headers.set('authorization', `Bearer ${key}`);
  for (const [name, value] of Object.entries(told)) if (value !== undefined) headers.set(name, value);
  return headers;
}
