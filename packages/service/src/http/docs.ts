import swagger from '@fastify/swagger';
import swaggerUi from '@fastify/swagger-ui';
import type { FastifyInstance } from 'fastify';
import type { HttpDeps } from './deps.ts';
import { createOpenApi } from './openapi.ts';

/** The bar on top asks for another document and carries a framework's logo; this page has one document. */
const CSS = '.swagger-ui .topbar { display: none } .swagger-ui .info { margin: 32px 0 }';

/** `/openapi.json` and, made of it, the reference at `/docs`; every asset is served from here, so it works offline. */
export async function registerDocs(app: FastifyInstance, { version, publicUrl }: HttpDeps): Promise<void> {
  const document = createOpenApi(version, publicUrl);
  const text = JSON.stringify(document);
  app.get('/openapi.json', (_request, reply) => reply.type('application/json; charset=utf-8').send(text));
  await app.register(swagger, { mode: 'static', specification: { document: document as never } });
  await app.register(swaggerUi, {
    routePrefix: '/docs',
    staticCSP: true,
    theme: { title: 'Safelight: reference', css: [{ filename: 'safelight.css', content: CSS }] },
    uiConfig: { deepLinking: true, tryItOutEnabled: false },
  });
}
