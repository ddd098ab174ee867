import { request as httpRequest, type IncomingMessage } from 'node:http';
import { request as httpsRequest } from 'node:https';
import { isIP, type LookupFunction } from 'node:net';
import { Transform } from 'node:stream';
import { isOutside, type Networks } from './addresses.ts';
import { OutsideError } from './outside-error.ts';
import { type Resolve, resolveByServers } from './resolve.ts';
import { type AllowHost, readTarget, redirectTarget } from './target.ts';

export interface OutsideRequest {
  readonly method?: 'GET' | 'POST';
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: string | Uint8Array;
  /** Whether this host, in lower case, may be asked; told again of each redirect. Absent: every host outside. */
  readonly allow?: AllowHost | undefined;
  /** Of the answer's body. */
  readonly bytesMax: number;
  /** From the call to the last byte of the answer, all redirects included; longer if at its end bytes wait to be taken. */
  readonly msMax: number;
  /** Without a byte, headers included. */
  readonly idleMsMax: number;
  /** Followed for GET alone; 0, the default, hands the redirect itself over. */
  readonly redirectsMax?: number;
  readonly signal?: AbortSignal;
}

export interface OutsideAnswer {
  readonly status: number;
  readonly headers: IncomingMessage['headers'];
  /** Where the answer came from, after redirects. */
  readonly url: string;
  /** Ends with an OutsideError when a bound is crossed. Must be read to its end or destroyed: it holds a connection. */
  readonly body: Transform;
}

/** @throws OutsideError; of an answer's status it says nothing: whatever the server answered is an answer. */
export type FetchOutside = (url: string, request: OutsideRequest) => Promise<OutsideAnswer>;

const REDIRECTS: ReadonlySet<number> = new Set([301, 302, 303, 307, 308]);
const UNREACHABLE = 'The server cannot be reached.';

/**
 * Makes the one way by which a tenant's URL is asked. Each connection is new, and goes to an address that was checked
 * after the name was resolved for this very connection: a name that answers differently the next time is checked the
 * next time.
 */
export function fetchesOutside(policy: { readonly opened: Networks; readonly resolve?: Resolve }): FetchOutside {
  const { opened, resolve = resolveByServers } = policy;
  return async (url, request) => {
    const watch = new Watch(request);
    const lookup = connectOutside(opened, resolve, watch.signal);
    const headers = { accept: '*/*', 'accept-encoding': 'identity', 'user-agent': 'Safelight' };
    try {
      let target = readTarget(url, opened, request.allow);
      const { origin } = target;
      for (let redirects = 0; ; redirects += 1) {
        // What the caller sends along belongs to the server that it named.
        const told = target.origin === origin ? { ...headers, ...request.headers } : headers;
        const answer = await ask(target, { ...request, headers: told }, watch, lookup);
        watch.stir();
        const next = followed(answer, request);
        if (next === undefined) {
          const { statusCode: status = 0, headers } = answer;
          return { status, headers, url: target.href, body: watch.body(answer) };
        }
        answer.destroy();
        if (redirects >= (request.redirectsMax ?? 0))
          throw new OutsideError('redirects', `The server redirects more than ${request.redirectsMax} times.`);
        target = redirectTarget(target, next, opened, request.allow);
      }
    } catch (error) {
      throw watch.end(error);
    }
  };
}

function followed(answer: IncomingMessage, { method, redirectsMax = 0 }: OutsideRequest): string | undefined {
  const isFollowed = redirectsMax > 0 && method !== 'POST' && REDIRECTS.has(answer.statusCode ?? 0);
  return isFollowed ? answer.headers.location : undefined;
}

/** Resolves and checks at the moment of the connection, which then goes to what was checked. */
function connectOutside(opened: Networks, resolve: Resolve, signal: AbortSignal): LookupFunction {
  return (hostname, options, done) => {
    resolve(hostname, signal).then(
      (addresses) => {
        const found = addresses.filter((address) => isIP(address) !== 0);
        // One inside condemns all: nobody honest mixes them, and which is tried first is not ours to say.
        const [first] = found;
        if (first === undefined || !found.every((address) => isOutside(address, opened)))
          return done(new OutsideError('unreachable', UNREACHABLE, `${hostname} is ${found.join(', ')}`), '');
        if (!options.all) return done(null, first, isIP(first));
        return done(
          null,
          found.map((address) => ({ address, family: isIP(address) })),
        );
      },
      (error: Error) => done(new OutsideError('unreachable', UNREACHABLE, error), ''),
    );
  };
}

function ask(url: URL, options: OutsideRequest, watch: Watch, lookup: LookupFunction): Promise<IncomingMessage> {
  const { method = 'GET', headers, body } = options;
  const { promise, resolve, reject } = Promise.withResolvers<IncomingMessage>();
  const open = url.protocol === 'https:' ? httpsRequest : httpRequest;
  // No agent: a connection kept from before was checked for another request, maybe before the name moved.
  const sent = open(url, { method, headers, lookup, agent: false, signal: watch.signal });
  sent.on('response', resolve);
  sent.on('error', (error) => reject(watch.explain(error)));
  sent.end(body);
  return promise;
}

/** Holds one request, all its redirects and its body to their bounds. */
class Watch {
  readonly #request: OutsideRequest;
  readonly #controller = new AbortController();
  readonly #whole: NodeJS.Timeout;
  readonly #idle: NodeJS.Timeout;
  readonly #onAbort: () => void;
  #body: Transform | undefined;

  constructor(request: OutsideRequest) {
    this.#request = request;
    const tooSlow = (ms: number, what: string, timer: () => NodeJS.Timeout) => () => {
      // Bytes that wait to be taken here, at the pace of a tenant, are not the server's fault.
      if (this.#body?.writableNeedDrain) return timer().refresh();
      return this.#abort(new OutsideError('too_slow', `The server was too slow: ${what} for ${ms} ms.`));
    };
    this.#whole = setTimeout(
      tooSlow(request.msMax, 'it did not end', () => this.#whole),
      request.msMax,
    );
    this.#idle = setTimeout(
      tooSlow(request.idleMsMax, 'nothing came', () => this.#idle),
      request.idleMsMax,
    );
    this.#onAbort = () => this.#abort(request.signal?.reason);
    request.signal?.addEventListener('abort', this.#onAbort, { once: true });
    if (request.signal?.aborted) this.#onAbort();
  }

  get signal(): AbortSignal {
    return this.#controller.signal;
  }

  /** Something came. */
  stir(): void {
    this.#idle.refresh();
  }

  #abort(reason: unknown): void {
    this.#controller.abort(reason);
    this.#body?.destroy(this.explain(reason));
  }

  /** What the caller is told of an error: the reason of the abort if there was one. */
  explain(error: unknown): Error {
    const told = this.signal.aborted ? this.signal.reason : error;
    if (told instanceof OutsideError || (told instanceof Error && this.#request.signal?.aborted)) return told;
    return new OutsideError('unreachable', UNREACHABLE, told);
  }

  #unwatch(): void {
    clearTimeout(this.#whole);
    clearTimeout(this.#idle);
  }

  /** The watch is over. @returns what to throw. */
  end(error?: unknown): Error {
    this.#unwatch();
    this.#request.signal?.removeEventListener('abort', this.#onAbort);
    const told = this.explain(error);
    this.#controller.abort(told);
    return told;
  }

  /** The answer's bytes, counted; with the last one the watch is over. */
  body(answer: IncomingMessage): Transform {
    const { bytesMax } = this.#request;
    const tooLarge = () => new OutsideError('too_large', `The answer has more than ${bytesMax} bytes.`);
    if (Number(answer.headers['content-length'] ?? 0) > bytesMax) throw tooLarge();
    let bytes = 0;
    const body = new Transform({
      transform: (chunk: Buffer, _encoding, done) => {
        this.stir();
        bytes += chunk.length;
        if (bytes > bytesMax) return done(tooLarge());
        return done(null, chunk);
      },
    });
    this.#body = body;
    // A caller who no longer reads is not ended by what it no longer hears.
    body.on('error', () => undefined);
    // Its server has done its part, however long the bytes wait here.
    answer.on('end', () => this.#unwatch());
    answer.on('error', (error) => body.destroy(this.explain(error)));
    answer.on('close', () => {
      if (!answer.complete) body.destroy(this.explain(new Error('the answer ended before its last byte')));
    });
    body.on('close', () => {
      this.end();
      answer.destroy();
    });
    return answer.pipe(body);
  }
}
