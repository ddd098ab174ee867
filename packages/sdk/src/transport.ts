import { errorOfResponse, SafelightError, unreachable } from './errors.ts';
import { chance, pause, type RetryPolicy, retryDelayMs } from './retry.ts';

export interface Call {
  readonly method: 'GET' | 'POST' | 'DELETE';
  /** Absolute path with its parameters encoded. */
  readonly path: string;
  readonly query?: Readonly<Record<string, string | number | undefined>>;
  readonly headers?: Readonly<Record<string, string | undefined>>;
  /** Whether a second sending has the same effect as the first: then failures that may pass are repeated. */
  readonly repeatable: boolean;
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
}

export interface TransportOptions {
  readonly baseUrl: string | URL;
  readonly key?: string | undefined;
  readonly fetch: typeof fetch;
  readonly retry: RetryPolicy;
}

/** Addresses, authenticates, repeats within the budget, and turns refusals into errors. */
export function createTransport(options: TransportOptions): Transport {
  const plainSend: Send = ({ url, signal, ...init }) => options.fetch(url, { ...init, ...(signal && { signal }) });

  async function call(one: Call, send: Send = plainSend): Promise<Response> {
    const outgoing = {
      method: one.method,
      url: address(options.baseUrl, one),
      headers: headersOf(one, options.key),
      signal: one.signal,
    };
    let waitedMs = 0;
    for (let retry = 0; ; retry++) {
      const answer = await attempt(send, outgoing);
      if (!(answer instanceof SafelightError)) return answer;
      const delayMs = one.repeatable ? retryDelayMs(answer, retry, waitedMs, options.retry, chance()) : undefined;
      if (delayMs === undefined) throw answer;
      await pause(delayMs, one.signal);
      waitedMs += delayMs;
    }
  }

  return { fetch: options.fetch, call };
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

function headersOf(call: Call, key: string | undefined): Headers {
  const headers = new Headers({ accept: 'application/json' });
  if (key !== undefined) headers.set('authorization', `Bearer ${key}`);
  for (const [name, value] of Object.entries(call.headers ?? {})) if (value !== undefined) headers.set(name, value);
  return headers;
}
