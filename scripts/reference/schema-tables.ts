import { z } from 'zod';
import { anchor, code, table } from './markdown.ts';

/** The part of JSON Schema that zod writes for our schemas. */
interface JsonSchema {
  readonly $ref?: string;
  readonly type?: string;
  readonly const?: unknown;
  readonly enum?: readonly unknown[];
  readonly anyOf?: readonly JsonSchema[];
  readonly items?: JsonSchema;
  readonly properties?: Readonly<Record<string, JsonSchema>>;
  readonly additionalProperties?: JsonSchema | boolean;
  readonly required?: readonly string[];
  readonly description?: string;
  readonly default?: unknown;
  readonly format?: string;
  readonly pattern?: string;
  readonly minimum?: number;
  readonly maximum?: number;
  readonly minLength?: number;
  readonly maxLength?: number;
  readonly $defs?: Readonly<Record<string, JsonSchema>>;
}

/** Whether callers write the value (before coercion and defaults) or read it. */
type Direction = 'input' | 'output';

function jsonSchemaOf(schema: z.ZodType, io: Direction): JsonSchema {
  return z.toJSONSchema(schema, { io, unrepresentable: 'any' }) as JsonSchema;
}

/** The fields of an object schema as a table, or undefined when it has none. */
export function fieldTable(schema: z.ZodType, io: Direction): string | undefined {
  const json = jsonSchemaOf(schema, io);
  const fields = Object.entries(json.properties ?? {});
  if (fields.length === 0) return undefined;
  const rows = fields.flatMap(([name, field]) => rowsOf(name, field, json.required?.includes(name) === true));
  return table(['field', 'type', '', 'meaning'], rows);
}

/** One row per field, nested objects written out with a dot. */
function rowsOf(name: string, field: JsonSchema, required: boolean): string[][] {
  const row = [code(name), typeOf(field), required ? 'always' : 'optional', field.description ?? ''];
  const inner = Object.entries(field.properties ?? {});
  return [
    row,
    ...inner.flatMap(([key, value]) => rowsOf(`${name}.${key}`, value, field.required?.includes(key) === true)),
  ];
}

function typeOf(schema: JsonSchema): string {
  if (schema.$ref) return link(schema.$ref);
  if (schema.const !== undefined) return code(JSON.stringify(schema.const));
  if (schema.enum)
    return schema.enum.length > 12
      ? `one of ${schema.enum.length} names`
      : schema.enum.map((value) => code(String(value))).join(', ');
  if (schema.anyOf) return schema.anyOf.map(typeOf).join(' or ');
  if (schema.type === 'array') return `list of ${schema.items ? typeOf(schema.items) : 'anything'}`;
  if (typeof schema.additionalProperties === 'object') return `map of ${typeOf(schema.additionalProperties)}`;
  return [schema.type ?? 'anything', ...boundsOf(schema)].join(', ');
}

function boundsOf({
  minimum,
  maximum,
  minLength,
  maxLength,
  format,
  pattern,
  default: fallback,
}: JsonSchema): string[] {
  const bounds: string[] = [];
  const low = minimum ?? minLength;
  const most = maximum ?? maxLength;
  const unit = minLength === undefined && maxLength === undefined ? '' : ' characters';
  if (low !== undefined && low > Number.MIN_SAFE_INTEGER) bounds.push(`at least ${low}${unit}`);
  if (most !== undefined && most < Number.MAX_SAFE_INTEGER) bounds.push(`at most ${most}${unit}`);
  if (format) bounds.push(format);
  // A format's own pattern says nothing that its name does not.
  else if (pattern) bounds.push(code(pattern));
  if (fallback !== undefined) bounds.push(`${code(JSON.stringify(fallback))} unless given`);
  return bounds;
}

function link(ref: string): string {
  const name = ref.replace(/^.*\//, '');
  return `[${name}](#${anchor(name)})`;
}

/** The name that a schema was given by `.meta({ id })`, if any. */
export function schemaName(schema: z.ZodType): string | undefined {
  return schema.meta()?.id;
}

/** Every named schema among `roots` and below them. */
export function namedSchemas(roots: readonly z.ZodType[]): ReadonlyMap<string, z.ZodType> {
  const found = new Map<string, z.ZodType>();
  for (const root of roots) {
    const name = schemaName(root);
    if (name) found.set(name, root);
    for (const nested of Object.keys(jsonSchemaOf(root, 'output').$defs ?? {})) {
      const schema = nestedByName(root, nested);
      if (schema) found.set(nested, schema);
    }
  }
  return new Map([...found].sort(([a], [b]) => (a < b ? -1 : 1)));
}

function nestedByName(schema: z.ZodType, name: string): z.ZodType | undefined {
  if (schemaName(schema) === name) return schema;
  for (const child of childrenOf(schema)) {
    const found = nestedByName(child, name);
    if (found) return found;
  }
  return undefined;
}

function childrenOf(schema: z.ZodType): z.ZodType[] {
  if (schema instanceof z.ZodObject) return Object.values(schema.shape) as z.ZodType[];
  if (schema instanceof z.ZodArray) return [schema.element as z.ZodType];
  if (schema instanceof z.ZodOptional || schema instanceof z.ZodDefault) return [schema.unwrap() as z.ZodType];
  return [];
}
