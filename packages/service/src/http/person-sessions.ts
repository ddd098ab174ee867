import { createHmac } from 'node:crypto';
import type { FastifyReply, FastifyRequest } from 'fastify';
import { findSession, type OpenedSession, type PersonSession, touchSessions } from '../people/index.ts';
import { readCookie } from './cookies.ts';
import type { HttpDeps } from './deps.ts';
import { LastUse } from './last-use.ts';
import { ProblemError } from './problem.ts';
import { Secrets } from './secrets.ts';
import { isEqual, isSafe, refuseForeignPages } from './session.ts';

const NAME = 'safelight_person';
const CSRF_HEADER = 'x-csrf-token';

/** A request that carries the cookie of somebody who has logged in. */
export interface LoggedIn {
  readonly session: PersonSession;
  readonly token: string;
}

/**
 * Sessions of people, by cookie. What keeps other pages in the same browser out: the cookie is HttpOnly and
 * SameSite=Strict; a foreign Origin is refused; and whatever changes something carries a token besides, which only a page
 * of ours can read, and which is good for that session alone.
 */
export class PersonSessions {
  readonly #secrets: Secrets<PersonSession>;
  readonly #publicUrl: string | undefined;

  constructor({ database, clock, log, closing, publicUrl }: HttpDeps) {
    this.#publicUrl = publicUrl;
    this.#secrets = new Secrets({
      clock,
      uses: new LastUse({ clock, log, closing, write: (used) => touchSessions(database, used) }),
      find: (token) => findSession(database, token),
      idOf: (session) => session.sessionId,
    });
  }

  /** @throws ProblemError when the cookie opens nothing any more, or the request may come from a page of somebody else. */
  async of(request: FastifyRequest): Promise<LoggedIn | undefined> {
    const token = this.tokenOf(request);
    if (token === undefined) return undefined;
    const known = await this.known(request);
    if (!known) throw new ProblemError('session_ended', { headers: { 'set-cookie': this.#cookie(request, '') } });
    this.#guard(request, token);
    return known;
  }

  /** Whom the cookie speaks for, whatever page sends it: for what changes nothing, whatever its method. */
  async known(request: FastifyRequest): Promise<LoggedIn | undefined> {
    const token = this.tokenOf(request);
    const session = token === undefined ? undefined : await this.#secrets.bearer(token);
    return session && token !== undefined ? { session, token } : undefined;
  }

  tokenOf(request: FastifyRequest): string | undefined {
    // Without the prefix a neighbouring host, or a page without TLS, could have set it (RFC 6265bis, 4.1.3).
    return readCookie(request, this.#nameOf(request)) || undefined;
  }

  /** What the page sends back in a header: derived from the cookie, which no page can read. */
  csrfOf(token: string): string {
    return createHmac('sha256', token).update('safelight csrf').digest('base64url');
  }

  /** @throws ProblemError when a page of somebody else sends this. */
  guardLogIn(request: FastifyRequest): void {
    refuseForeignPages(request, this.#publicUrl);
  }

  open(request: FastifyRequest, reply: FastifyReply, { token }: OpenedSession): void {
    reply.header('set-cookie', this.#cookie(request, token));
  }

  close(request: FastifyRequest, reply: FastifyReply): void {
    reply.header('set-cookie', this.#cookie(request, ''));
  }

  /** Asks anew for the sessions of a person; for all, when none is told. */
  forget(personId?: string): void {
    this.#secrets.forget((session) => personId === undefined || session.personId === personId);
  }

  #guard(request: FastifyRequest, token: string): void {
    if (isSafe(request)) return;
    refuseForeignPages(request, this.#publicUrl);
    const given = request.headers[CSRF_HEADER];
    if (typeof given !== 'string' || !isEqual(given, this.csrfOf(token))) {
      throw new ProblemError('csrf_missing', { detail: 'Send `csrf` of GET /v1/session as X-CSRF-Token.' });
    }
  }

  #cookie(request: FastifyRequest, value: string): string {
    const secure = this.#isSecure(request) ? '; Secure' : '';
    const end = value === '' ? '; Max-Age=0' : '';
    return `${this.#nameOf(request)}=${value}; Path=/; HttpOnly; SameSite=Strict${secure}${end}`;
  }

  #nameOf(request: FastifyRequest): string {
    return this.#isSecure(request) ? `__Host-${NAME}` : NAME;
  }

  #isSecure(request: FastifyRequest): boolean {
    return request.protocol === 'https' || this.#publicUrl?.startsWith('https:') === true;
  }
}
