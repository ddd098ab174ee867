import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import fastifyStatic from '@fastify/static';
import type { FastifyInstance } from 'fastify';
import type { HttpDeps } from './deps.ts';

const YEAR_MS = 31_536_000_000;
const POLICY =
  "default-src 'self'; img-src 'self' blob: data:; frame-ancestors 'none'; base-uri 'none'; form-action 'self'";

/** Serves the built page at `/` and its hashed assets; read anew each time, since it may be built again meanwhile. */
export async function registerConsole(app: FastifyInstance, { consoleDirectory }: HttpDeps): Promise<void> {
  if (consoleDirectory) {
    await app.register(fastifyStatic, {
      root: join(consoleDirectory, 'assets'),
      prefix: '/assets/',
      index: false,
      maxAge: YEAR_MS,
      immutable: true,
      setHeaders: (reply) => reply.header('x-content-type-options', 'nosniff'),
    });
  }
  app.route({
    method: ['GET', 'HEAD'],
    url: '/',
    handler: async (_request, reply) => {
      const page = consoleDirectory && (await readFile(join(consoleDirectory, 'index.html')).catch(() => undefined));
      if (!page) return reply.type('text/plain; charset=utf-8').send('Safelight runs; the page is not built here.\n');
      reply.headers({
        'cache-control': 'no-cache',
        'content-security-policy': POLICY,
        'x-content-type-options': 'nosniff',
        'referrer-policy': 'no-referrer',
      });
      return reply.type('text/html; charset=utf-8').send(page);
    },
  });
}
