import type { FastifyRequest } from 'fastify';

/** The value of a cookie, which may be anything that a client makes up. */
export function readCookie(request: FastifyRequest, name: string): string | undefined {
  const { cookie } = request.headers;
  return cookie === undefined ? undefined : new RegExp(`(?:^|;\\s*)${name}=([^;\\s]*)`).exec(cookie)?.[1];
}
