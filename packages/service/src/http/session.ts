import { timingSafeEqual } from 'node:crypto';
import { isIP } from 'node:net';
import type { FastifyReply, FastifyRequest } from 'fastify';
import type { Clock } from '../core/clock.ts';
import { readCookie } from './cookies.ts';
import { ProblemError } from './problem.ts';

const COOKIE = 'safelight_session';
const TOKEN_BYTES = 32;
const LOOPBACK_NAME = 'localhost';
const SAFE_METHODS: ReadonlySet<string> = new Set(['GET', 'HEAD', 'OPTIONS']);

/**
 * The page of a loopback installation acts for the public tenant without a key. What keeps other pages in the same
 * browser out: the cookie is HttpOnly and SameSite=Strict; a foreign Origin is refused (drive-by forms); the Host must
 * be one of ours (DNS rebinding).
 */
export class LoopbackSession {
  readonly #tenant: string | undefined;
  readonly #token: string;
  readonly #hosts: ReadonlySet<string>;

  /** @param publicUrl its host is allowed besides `localhost` and plain addresses. */
  constructor(options: {
    readonly tenant: string | undefined;
    readonly publicUrl: string | undefined;
    readonly clock: Clock;
  }) {
    this.#tenant = options.tenant;
    this.#token = Buffer.from(options.clock.bytes(TOKEN_BYTES)).toString('base64url');
    this.#hosts = new Set([LOOPBACK_NAME, ...(options.publicUrl ? [new URL(options.publicUrl).hostname] : [])]);
  }

  /** Short name of the tenant that needs no key, if this installation has one. */
  get tenant(): string | undefined {
    return this.#tenant;
  }

  /** @throws ProblemError unless Host is ours and Origin, where one is sent, is the Host's own. */
  guard(request: FastifyRequest): void {
    const host = request.headers.host;
    // HTTP/1.0 clients may send no Host; browsers always do.
    if (host === undefined) return;
    if (!this.#isOurs(hostnameOf(host))) {
      throw new ProblemError('origin_refused', {
        detail: `The Host ${host.slice(0, 100)} is not one of this service: SAFELIGHT_PUBLIC_URL names it.`,
      });
    }
    refuseForeignPages(request);
  }

  /** An address, unlike a name, cannot be made to lead here by somebody else's DNS. */
  #isOurs(hostname: string): boolean {
    return this.#hosts.has(hostname) || isIP(hostname.replace(/^\[(.*)\]$/, '$1')) !== 0;
  }

  open(reply: FastifyReply): void {
    reply.header('set-cookie', `${COOKIE}=${this.#token}; Path=/; HttpOnly; SameSite=Strict`);
  }

  /** The public tenant's short name when the request carries this session's cookie and passes the guard. */
  tenantOf(request: FastifyRequest): string | undefined {
    if (this.#tenant === undefined) return undefined;
    const given = readCookie(request, COOKIE);
    if (given === undefined || !isEqual(given, this.#token)) return undefined;
    this.guard(request);
    return this.#tenant;
  }
}

/** Whether a request changes nothing, by its method. */
export function isSafe(request: FastifyRequest): boolean {
  return SAFE_METHODS.has(request.method);
}

/**
 * What a browser sends for a page of another origin changes nothing here.
 * @param publicUrl an origin of ours besides the Host, which a proxy in front may have written anew.
 * @throws ProblemError
 */
export function refuseForeignPages(request: FastifyRequest, publicUrl?: string): void {
  if (isSafe(request)) return;
  const { origin, host } = request.headers;
  const site = request.headers['sec-fetch-site'];
  const isOurs =
    origin === undefined
      ? site !== 'cross-site' && site !== 'same-site'
      : isSameHost(origin, host ?? '') || (publicUrl !== undefined && origin === new URL(publicUrl).origin);
  if (!isOurs) throw new ProblemError('origin_refused', { detail: 'Pages of other origins may not act here.' });
}

function isSameHost(origin: string, host: string): boolean {
  return URL.canParse(origin) && new URL(origin).host === host.toLowerCase();
}

function hostnameOf(host: string): string {
  return host.toLowerCase().replace(/:\d+$/, '');
}

export function isEqual(given: string, expected: string): boolean {
  const a = Buffer.from(given);
  const b = Buffer.from(expected);
  return a.length === b.length && timingSafeEqual(a, b);
}
