import {
  ERRORS,
  type ErrorEntry,
  EVENTS,
  ORIGINAL_PRESET,
  PARAMETERS,
  PRESETS,
  QUALITY_DEFAULTS,
  ROUTES,
  type RouteContract,
} from '../../packages/contract/src/index.ts';
import { anchor, code, page, table } from './markdown.ts';
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

/** The grammar of transformations. */
export function renderTransformations(): string {
  const qualities: Readonly<Record<string, number>> = QUALITY_DEFAULTS;
  return page(
    'Transformations',
    'packages/contract/src/transformation.ts',
    'What may be asked of an original, as query parameters. In canonical form they are sorted by name, with defaults written out and without what changes nothing.',
    '## Parameters',
    table(
      ['parameter', 'allowed'],
      Object.entries(PARAMETERS).map(([name, { allowed }]) => [code(name), allowed]),
    ),
    'Quality where none is asked for:',
    table(
      ['format', 'quality'],
      Object.entries(qualities).map(([format, quality]) => [code(format), String(quality)]),
    ),
    '## Presets',
    'Every tenant has these.',
    table(
      ['preset', 'transformation'],
      [
        ...Object.entries(PRESETS).map(([name, text]) => [code(name), code(text)]),
        [code(ORIGINAL_PRESET), 'the uploaded bytes'],
      ],
    ),
  );
}
