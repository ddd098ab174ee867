import {
  answerHeadersOf,
  ERRORS,
  type ErrorCode,
  problemSchema,
  ROUTES,
  type RouteContract,
  SCOPES,
  VISIBILITIES,
} from '@safelight/contract';
import { z } from 'zod';

interface JsonObject {
  readonly [name: string]: unknown;
}

/** OpenAPI 3.1 of every route of the contract; zod's JSON Schema is the dialect that 3.1 speaks. */
export function createOpenApi(version: string, publicUrl: string | undefined): JsonObject {
  const paths: Record<string, Record<string, JsonObject>> = {};
  for (const contract of Object.values(ROUTES) as RouteContract[]) {
    const operations = paths[contract.path] ?? {};
    operations[contract.method.toLowerCase()] = operation(contract);
    paths[contract.path] = operations;
  }
  return {
    openapi: '3.1.0',
    info: {
      title: 'Safelight',
      version,
      description: 'A picture is sent once; every size and format of it is delivered from here.',
      license: { name: 'Apache-2.0', identifier: 'Apache-2.0' },
    },
    ...(publicUrl && { servers: [{ url: publicUrl }] }),
    paths,
    components: {
      securitySchemes: {
        key: { type: 'http', scheme: 'bearer', description: `An API key. Scopes: ${Object.keys(SCOPES).join(', ')}.` },
      },
      schemas: { Problem: toJsonSchema(problemSchema) },
    },
  };
}

function operation(contract: RouteContract): JsonObject {
  return {
    operationId: contract.id,
    tags: [tagOf(contract.path)],
    summary: contract.summary,
    ...(contract.scope ? { security: [{ key: [contract.scope] }] } : { security: [] }),
    parameters: [
      ...parameters('path', contract.params),
      ...parameters('query', contract.query),
      ...parameters('header', contract.headers),
    ],
    ...((contract.body || contract.bodies) && { requestBody: { required: true, content: requestContent(contract) } }),
    responses: { ...successes(contract), ...failures(contract.errors) },
    ...(contract.event && { 'x-safelight-event': contract.event }),
  };
}

/** Groups operations by what they are about. */
function tagOf(path: string): string {
  if (path === '/' || path.startsWith('/v1/images') || path.startsWith('/v1/uploads')) return 'images';
  if (path.startsWith('/iiif/')) return 'iiif';
  if (path.startsWith('/v1/keys')) return 'keys';
  if (path.startsWith('/v1/usage') || path === '/v1/budget') return 'usage';
  if (path.startsWith('/v1/session') || path.startsWith('/v1/people')) return 'people';
  const isDelivery = path.startsWith('/i/') || ['/v1/purge', '/v1/delivery-tokens'].includes(path);
  return isDelivery || path.startsWith('/v1/domains') ? 'delivery' : 'node';
}

function parameters(place: 'path' | 'query' | 'header', schema: z.ZodObject | undefined): JsonObject[] {
  if (!schema) return [];
  const { properties = {}, required = [] } = z.toJSONSchema(schema, { io: 'input' });
  return Object.entries(properties).map(([name, property]) => {
    const { description, ...rest } = property as { description?: string };
    return {
      name,
      in: place,
      required: place === 'path' || required.includes(name),
      ...(description && { description }),
      schema: rest,
    };
  });
}

function requestContent({ body, bodies = [] }: RouteContract): JsonObject {
  const bytes = { type: 'string', format: 'binary' };
  const form = {
    type: 'object',
    properties: { image: bytes, tags: { type: 'string' }, visibility: { type: 'string', enum: VISIBILITIES } },
    required: ['image'],
  };
  return {
    ...(body && { 'application/json': { schema: toJsonSchema(body, 'input') } }),
    ...Object.fromEntries(bodies.map((type) => [type, { schema: type.startsWith('multipart/') ? form : bytes }])),
  };
}

function successes(contract: RouteContract): JsonObject {
  return Object.fromEntries(
    Object.entries(contract.responses).map(([status, body]) => {
      const content = isMediaTypes(body)
        ? Object.fromEntries(body.map((type) => [type, {}]))
        : { 'application/json': { schema: toJsonSchema(body) } };
      return [status, { description: contract.summary, ...headersOf(contract), content }];
    }),
  );
}

function headersOf(contract: RouteContract): JsonObject {
  const told = Object.entries(answerHeadersOf(contract));
  if (told.length === 0) return {};
  const headers = told.map(([name, description]) => [name, { description, schema: { type: 'string' } }]);
  return { headers: Object.fromEntries(headers) };
}

function isMediaTypes(body: z.ZodType | readonly string[]): body is readonly string[] {
  return Array.isArray(body);
}

function failures(codes: readonly ErrorCode[]): JsonObject {
  const byStatus = Map.groupBy(codes, (code) => ERRORS[code].status);
  return Object.fromEntries(
    [...byStatus].map(([status, group]) => [
      String(status),
      {
        description: group.map((code) => `\`${code}\`: ${ERRORS[code].title}`).join(' '),
        content: { 'application/problem+json': { schema: { $ref: '#/components/schemas/Problem' } } },
      },
    ]),
  );
}

function toJsonSchema(schema: z.ZodType, io: 'input' | 'output' = 'output'): JsonObject {
  const { $schema: _dialect, ...rest } = z.toJSONSchema(schema, { reused: 'inline', io }) as JsonObject;
  return rest;
}
