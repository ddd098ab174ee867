import { code, page, table } from './markdown.ts';

/** Runs one statement on a migrated database. */
export type Query = <Row>(sql: string) => Promise<Row[]>;

interface Column {
  readonly table_name: string;
  readonly name: string;
  readonly type: string;
  readonly nullable: boolean;
  readonly fallback: string | null;
}

interface Rule {
  readonly table_name: string;
  readonly text: string;
}

const TABLES = `c.relnamespace = 'safelight'::regnamespace AND c.relkind IN ('r', 'p')`;

const COLUMNS = `
  SELECT c.relname AS table_name, a.attname AS name, format_type(a.atttypid, a.atttypmod) AS type, NOT a.attnotnull AS nullable,
    CASE WHEN a.attidentity <> '' THEN 'identity' ELSE pg_get_expr(d.adbin, d.adrelid) END AS fallback
  FROM pg_class c
  JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped
  LEFT JOIN pg_attrdef d ON d.adrelid = c.oid AND d.adnum = a.attnum
  WHERE ${TABLES} ORDER BY c.relname, a.attnum`;

// PostgreSQL 18 lists NOT NULL as constraints too; the columns tell of it.
const CONSTRAINTS = `
  SELECT c.relname AS table_name, pg_get_constraintdef(k.oid) AS text
  FROM pg_constraint k JOIN pg_class c ON c.oid = k.conrelid
  WHERE ${TABLES} AND k.contype IN ('p', 'u', 'f', 'c') ORDER BY c.relname, k.contype <> 'p', k.contype, k.conname`;

const INDEXES = `
  SELECT c.relname AS table_name, pg_get_indexdef(i.indexrelid) AS text
  FROM pg_index i JOIN pg_class c ON c.oid = i.indrelid JOIN pg_class x ON x.oid = i.indexrelid
  WHERE ${TABLES} AND NOT EXISTS (SELECT FROM pg_constraint k WHERE k.conindid = i.indexrelid AND k.contype IN ('p', 'u'))
  ORDER BY c.relname, x.relname`;

const FUNCTIONS = `
  SELECT format('%s(%s)', p.proname, pg_get_function_identity_arguments(p.oid)) AS name,
    CASE p.prokind WHEN 'p' THEN 'procedure' ELSE pg_get_function_result(p.oid) END AS result,
    CASE WHEN p.prosecdef THEN 'its owner' ELSE 'the caller' END AS rights
  FROM pg_proc p WHERE p.pronamespace = 'safelight'::regnamespace ORDER BY 1`;

/** The migrated schema as it is: the manifest that a change of migrations changes. */
export async function renderSchema(query: Query): Promise<string> {
  const columns = await query<Column>(COLUMNS);
  const rules = [...(await query<Rule>(CONSTRAINTS)), ...(await query<Rule>(INDEXES))];
  const functions = await query<{ name: string; result: string; rights: string }>(FUNCTIONS);
  const names = [...new Set(columns.map((column) => column.table_name))];
  return page(
    'Schema',
    'packages/service/src/db/migrations',
    'Every table lies in the schema `safelight` behind row-level security; see the migrations for why each thing is there.',
    ...names.map((name) => renderTable(name, columns, rules)),
    '## Functions',
    table(
      ['function', 'answers', 'with the rights of'],
      functions.map(({ name, result, rights }) => [code(withoutSchema(name)), code(withoutSchema(result)), rights]),
    ),
  );
}

function renderTable(name: string, columns: readonly Column[], rules: readonly Rule[]): string {
  const rows = columns
    .filter((column) => column.table_name === name)
    .map((column) => [
      code(column.name),
      column.type,
      column.nullable ? 'or null' : '',
      column.fallback ? code(withoutSchema(column.fallback)) : '',
    ]);
  const list = rules.filter((rule) => rule.table_name === name).map(({ text }) => `- ${code(withoutSchema(text))}`);
  return [`## ${name}`, table(['column', 'type', '', 'unless given'], rows), list.join('\n')].join('\n\n');
}

function withoutSchema(text: string): string {
  return text.replaceAll('safelight.', '');
}
