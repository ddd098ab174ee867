import swagger from '@fastify/swagger';
import swaggerUi from '@fastify/swagger-ui';
import type { FastifyInstance } from 'fastify';
import type { HttpDeps } from './deps.ts';
import { createOpenApi } from './openapi.ts';

/** `/openapi.json` and, made of it, the reference at `/docs`; every asset is served from here, so it works offline. */
export async function registerDocs(app: FastifyInstance, { version, publicUrl }: HttpDeps): Promise<void> {
  const document = createOpenApi(version, publicUrl);
  const text = JSON.stringify(document);
  app.get('/openapi.json', (_request, reply) => reply.type('application/json; charset=utf-8').send(text));
  await app.register(swagger, { mode: 'static', specification: { document: document as never } });
  await app.register(swaggerUi, {
    routePrefix: '/docs',
    staticCSP: true,
    uiConfig: { deepLinking: true, tryItOutEnabled: false },
  });
}
