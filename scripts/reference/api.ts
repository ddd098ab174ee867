import { z } from 'zod';
import {
  answerHeadersOf,
  type ErrorCode,
  errorEntry,
  problemSchema,
  ROUTES,
  type RouteContract,
  SCOPES,
} from '../../packages/contract/src/index.ts';
import { anchor, code, page, table } from './markdown.ts';
import { fieldTable, namedSchemas, schemaName } from './schema-tables.ts';

/** Every operation, by its contract. */
export function renderApi(): string {
  const routes: readonly RouteContract[] = Object.values(ROUTES);
  const index = table(
    ['operation', 'route', 'scope', 'what'],
    routes.map((route) => [
      `[${route.id}](#${anchor(heading(route))})`,
      code(`${route.method} ${route.path}`),
      route.scope ? code(route.scope) : 'open',
      route.summary,
    ]),
  );
  const scopes = table(
    ['scope', 'allows'],
    Object.entries(SCOPES).map(([name, about]) => [code(name), about]),
  );
  const roots = [
    problemSchema,
    ...routes.flatMap((route) => Object.values(route.responses).filter((each) => each instanceof z.ZodType)),
  ];
  const shapes = [...namedSchemas(roots)].map(
    ([name, schema]) => `### ${name}\n\n${fieldTable(schema, 'output') ?? ''}`,
  );
  return page(
    'API',
    'packages/contract/src/routes',
    'JSON is camelCase, times are ISO 8601 in UTC, sizes are bytes. A key goes into `Authorization: Bearer KEY`. Errors are RFC 9457 problems: see [Problem](#problem) and [errors.md](errors.md).',
    index,
    '## Scopes',
    scopes,
    '## Operations',
    ...routes.map(renderRoute),
    '## Shapes',
    ...shapes,
  );
}

function heading({ id }: RouteContract): string {
  return id;
}

function renderRoute(route: RouteContract): string {
  const parts = [`### ${heading(route)}`, `${code(`${route.method} ${route.path}`)}: ${route.summary}`];
  const facts = [route.scope ? `Needs a key with the scope ${code(route.scope)}.` : 'Open to everybody.'];
  if (route.bodies) facts.push(`Takes ${route.bodies.map(code).join(', ')}.`);
  if (route.event) facts.push(`Writes the event [${code(route.event)}](events.md#${anchor(route.event)}).`);
  parts.push(facts.join(' '));
  for (const [name, schema] of [
    ['Path', route.params],
    ['Query', route.query],
    ['Headers', route.headers],
    ['Body, in JSON', route.body],
  ] as const) {
    const fields = schema && fieldTable(schema, 'input');
    if (fields) parts.push(`${name}:`, fields);
  }
  const answers = Object.entries(route.responses).map(([status, body]) => [code(status), renderBody(body)]);
  const errors = [...route.errors]
    .sort(byStatus)
    .map((name) => [code(errorEntry(name).status), `[${code(name)}](errors.md#${anchor(name)})`]);
  parts.push('Answers:', table(['status', 'body'], [...answers, ...errors]));
  const headers = Object.entries(answerHeadersOf(route)).map(([name, about]) => [code(name), about]);
  if (headers.length > 0) parts.push('A success also says:', table(['header', 'what it says'], headers));
  return parts.join('\n\n');
}

function byStatus(a: ErrorCode, b: ErrorCode): number {
  return errorEntry(a).status - errorEntry(b).status || (a < b ? -1 : 1);
}

function renderBody(body: z.ZodType | readonly string[]): string {
  if (!(body instanceof z.ZodType)) return body.map(code).join(', ') || 'none';
  const name = schemaName(body);
  return name ? `[${name}](#${anchor(name)})` : 'JSON';
}
