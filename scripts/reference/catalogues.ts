import { ERRORS, type ErrorEntry, EVENTS, ROUTES, type RouteContract } from '../../packages/contract/src/index.ts';
import { anchor, code, page } from './markdown.ts';
import { fieldTable } from './schema-tables.ts';

const routes: readonly RouteContract[] = Object.values(ROUTES);

function routesWhere(holds: (route: RouteContract) => boolean): string {
  return routes
    .filter(holds)
    .map(({ id }) => `[${id}](api.md#${anchor(id)})`)
    .join(', ');
}

/** The closed catalogue of errors, and which operations answer with each. */
export function renderErrors(): string {
  const entries: readonly (readonly [string, ErrorEntry])[] = Object.entries(ERRORS);
  const sections = entries.map(([name, { status, title, retryable }]) => {
    const from = routesWhere((route) => (route.errors as readonly string[]).includes(name));
    const retry = retryable
      ? 'The same request may succeed later; the answer carries `Retry-After`.'
      : 'The same request will fail again.';
    return [`## ${name}`, `${code(status)} ${title} ${retry}`, ...(from ? [`From ${from}.`] : [])].join('\n\n');
  });
  return page(
    'Errors',
    'packages/contract/src/errors.ts',
    'Every error is an `application/problem+json` (RFC 9457). Decide by `code`; the rest is for people. Where a bound was crossed, `bound` names it with its limit.',
    ...sections,
  );
}

/** The closed catalogue of events, with the shape of each. */
export function renderEvents(): string {
  const sections = Object.entries(EVENTS).map(([type, { data, personal }]) => {
    const parts = [`## ${type}`];
    const from = routesWhere((route) => route.event === type);
    if (from) parts.push(`Written by ${from}.`);
    parts.push('Data, kept forever:', fieldTable(data, 'output') ?? 'none');
    const fields = fieldTable(personal, 'output');
    if (fields) parts.push('Personal, removed by erasure:', fields);
    return parts.join('\n\n');
  });
  return page('Events', 'packages/contract/src/events.ts', ...sections);
}
