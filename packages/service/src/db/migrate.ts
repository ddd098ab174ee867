import { createHash } from 'node:crypto';
import { readdir, readFile } from 'node:fs/promises';
import pg from 'pg';
import { invariant } from '../core/invariant.ts';

/** A numbered SQL file; applied once, whole, in its own transaction. Forward only. */
export interface Migration {
  readonly number: number;
  readonly name: string;
  readonly sql: string;
  readonly sha256: string;
  /** Nodes that do not know this migration go on working once it is applied: its text says so. */
  readonly compatible: boolean;
}

/** The schema differs from what this build expects; the message says how and what to do. */
export class SchemaMismatchError extends Error {
  override readonly name = 'SchemaMismatchError';
}

const FOLDER = new URL('./migrations/', import.meta.url);
const FILE_NAME = /^(\d{4})-([a-z0-9-]+)\.sql$/;
/**
 * A migration that only expands (new tables, new columns with defaults, wider checks) begins with this line and its
 * reason. One without may take away what an older node uses, so no older node runs beside it.
 */
const COMPATIBLE = /^-- compatible: \S.*\n/;
// Any constant does, so long as every node uses the same one.
const LOCK_KEY = 7_305_199_118;

/** Reads the migrations that this build carries, in order, without gaps. */
export async function readMigrations(): Promise<Migration[]> {
  const names = (await readdir(FOLDER)).filter((name) => name.endsWith('.sql')).sort();
  return Promise.all(
    names.map(async (file, index) => {
      const match = FILE_NAME.exec(file);
      invariant(match?.[1] && match[2], `migration ${file} must be named NNNN-name.sql`);
      const number = Number(match[1]);
      invariant(number === index + 1, `migration ${file} leaves a gap: expected number ${index + 1}`);
      const sql = await readFile(new URL(file, FOLDER), 'utf8');
      const sha256 = createHash('sha256').update(sql).digest('hex');
      return { number, name: match[2], sql, sha256, compatible: COMPATIBLE.test(sql) };
    }),
  );
}

/**
 * Applies what is missing, one node at a time (an advisory lock held by this session: migrations never pass a pooler).
 * A schema that is newer than this build is left as it is when nodes of this build may run on it.
 * @param connection a login that may create roles and schemas.
 * @param beside whether nodes may run on this database: then no migration that would stop them is applied.
 * @returns the names of the migrations that were applied now.
 * @throws SchemaMismatchError when an applied migration's text has changed, the schema is too new for this build, or
 * older nodes run that one of the missing migrations would stop.
 */
export async function migrate(connection: pg.ClientConfig, beside: 'nodes' | 'nobody' = 'nobody'): Promise<string[]> {
  const migrations = await readMigrations();
  const client = new pg.Client(connection);
  await client.connect();
  try {
    await client.query('SELECT pg_advisory_lock($1)', [LOCK_KEY]);
    await prepare(client);
    const { rows: applied } = await client.query<AppliedMigration>(READ_APPLIED);
    compare(migrations, applied);
    const missing = migrations.slice(applied.length);
    if (beside === 'nodes') await refuseToStopNodes(client, missing);
    for (const migration of missing) await apply(client, migration);
    return missing.map((migration) => migration.name);
  } finally {
    await client.end();
  }
}

/**
 * A node starts when all migrations that its build knows are applied, and all others that are applied say of themselves
 * that nodes which do not know them go on.
 * @throws SchemaMismatchError
 */
export async function checkSchema(query: (sql: string) => Promise<AppliedMigration[]>): Promise<void> {
  const migrations = await readMigrations();
  const applied = await query(READ_APPLIED).catch((error: unknown) => {
    if ((error as { code?: string }).code === '42P01') return [];
    throw error;
  });
  compare(migrations, applied);
  if (applied.length < migrations.length) {
    throw new SchemaMismatchError(
      `the database has ${applied.length} of ${migrations.length} migrations: run \`safelight migrate\``,
    );
  }
}

export interface AppliedMigration {
  readonly number: number;
  readonly name: string;
  readonly sha256: string;
  readonly compatible: boolean;
}

/** Through JSON, so that it may be asked of a database whose table has no such column yet. */
const READ_APPLIED = `SELECT number, name, sha256, coalesce((to_jsonb(m) ->> 'compatible')::boolean, false) AS compatible
  FROM safelight.schema_migrations m ORDER BY number`;

async function prepare(client: pg.Client): Promise<void> {
  await client.query('CREATE SCHEMA IF NOT EXISTS safelight');
  await client.query(`CREATE TABLE IF NOT EXISTS safelight.schema_migrations (
    number int PRIMARY KEY, name text NOT NULL, sha256 text NOT NULL, applied_at timestamptz NOT NULL DEFAULT now(),
    compatible boolean NOT NULL DEFAULT false)`);
  const { rowCount } = await client.query(
    `SELECT FROM pg_attribute WHERE attrelid = 'safelight.schema_migrations'::regclass AND attname = 'compatible'`,
  );
  if (rowCount) return;
  await client.query('ALTER TABLE safelight.schema_migrations ADD COLUMN compatible boolean NOT NULL DEFAULT false');
}

function compare(migrations: readonly Migration[], applied: readonly AppliedMigration[]): void {
  for (const [index, row] of applied.entries()) {
    const migration = migrations[index];
    if (!migration) {
      if (row.compatible) continue;
      throw new SchemaMismatchError(
        `the database has the migration ${row.number} (${row.name}), with which no older build works, ` +
          `and this one knows ${migrations.length}: run a newer build`,
      );
    }
    if (migration.number !== row.number || migration.sha256 !== row.sha256) {
      throw new SchemaMismatchError(
        `migration ${row.number} (${row.name}) in the database is not the one this build carries; applied migrations are never edited`,
      );
    }
  }
}

/** What lives, by the registry; before that existed, nobody knows. A node that was killed counts for fifteen seconds. */
const COUNT_OLDER_NODES = `SELECT count(*)::int AS nodes FROM safelight.nodes
  WHERE schema_version < $1 AND heartbeat_at > clock_timestamp() - interval '15 s'`;

async function refuseToStopNodes(client: pg.Client, missing: readonly Migration[]): Promise<void> {
  const breaking = missing.findLast((migration) => !migration.compatible);
  if (!breaking) return;
  const { rows: registry } = await client.query<{ is_there: boolean }>(
    `SELECT to_regclass('safelight.nodes') IS NOT NULL AS is_there`,
  );
  if (!registry[0]?.is_there) return;
  const { rows } = await client.query<{ nodes: number }>(COUNT_OLDER_NODES, [breaking.number]);
  const nodes = rows[0]?.nodes ?? 0;
  if (nodes === 0) return;
  throw new SchemaMismatchError(
    `migration ${breaking.number} (${breaking.name}) would stop ${nodes} running nodes of an older build: ` +
      'end them first (`safelight nodes` lists them), or repeat with --force',
  );
}

async function apply(client: pg.Client, migration: Migration): Promise<void> {
  await client.query('BEGIN');
  try {
    await client.query(`SET LOCAL search_path = safelight`);
    await client.query(migration.sql);
    await client.query(
      'INSERT INTO safelight.schema_migrations (number, name, sha256, compatible) VALUES ($1, $2, $3, $4)',
      [migration.number, migration.name, migration.sha256, migration.compatible],
    );
    await client.query('COMMIT');
  } catch (error) {
    await client.query('ROLLBACK');
    throw new Error(`migration ${migration.number} (${migration.name}) failed: ${(error as Error).message}`, {
      cause: error,
    });
  }
}
