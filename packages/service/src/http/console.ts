import { existsSync } from 'node:fs';
import { join } from 'node:path';
import fastifyStatic from '@fastify/static';
import type { FastifyInstance } from 'fastify';
import type { HttpDeps } from './deps.ts';

const YEAR_SECONDS = 31_536_000;
const POLICY =
  "default-src 'self'; img-src 'self' blob: data:; frame-ancestors 'none'; base-uri 'none'; form-action 'self'";

/** Serves the built page at `/` and its hashed assets. */
export async function registerConsole(app: FastifyInstance, { consoleDirectory }: HttpDeps): Promise<void> {
  if (!consoleDirectory || !existsSync(join(consoleDirectory, 'index.html'))) {
    app.get('/', (_request, reply) =>
      reply.type('text/plain; charset=utf-8').send('Safelight runs; the page is not built here.\n'),
    );
    return;
  }
  await app.register(fastifyStatic, {
    root: consoleDirectory,
    wildcard: false,
    globIgnore: ['.*'],
    cacheControl: false,
    setHeaders: (reply, path) => {
      const isHashed = path.includes('/assets/');
      reply.header('cache-control', isHashed ? `public, max-age=${YEAR_SECONDS}, immutable` : 'no-cache');
      reply.header('content-security-policy', POLICY);
      reply.header('x-content-type-options', 'nosniff');
      reply.header('referrer-policy', 'no-referrer');
    },
  });
}
