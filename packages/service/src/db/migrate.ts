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
}

/** The schema differs from what this build expects; the message says how and what to do. */
export class SchemaMismatchError extends Error {
  override readonly name = 'SchemaMismatchError';
}

const FOLDER = new URL('./migrations/', import.meta.url);
const FILE_NAME = /^(\d{4})-([a-z0-9-]+)\.sql$/;
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
      return { number, name: match[2], sql, sha256: createHash('sha256').update(sql).digest('hex') };
    }),
  );
}

/**
 * Applies what is missing, one node at a time (an advisory lock held by this session: migrations never pass a pooler).
 * @param connection a login that may create roles and schemas.
 * @returns the names of the migrations that were applied now.
 * @throws SchemaMismatchError when an applied migration's text has changed, or the schema is newer than this build.
 */
export async function migrate(connection: pg.ClientConfig): Promise<string[]> {
  const migrations = await readMigrations();
  const client = new pg.Client(connection);
  await client.connect();
  try {
    await client.query('SELECT pg_advisory_lock($1)', [LOCK_KEY]);
    await client.query(`CREATE SCHEMA IF NOT EXISTS safelight`);
    await client.query(`CREATE TABLE IF NOT EXISTS safelight.schema_migrations (
      number int PRIMARY KEY, name text NOT NULL, sha256 text NOT NULL, applied_at timestamptz NOT NULL DEFAULT now())`);
    const applied = await readApplied(client);
    compare(migrations, applied);
    const missing = migrations.slice(applied.length);
    for (const migration of missing) await apply(client, migration);
    return missing.map((migration) => migration.name);
  } finally {
    await client.end();
  }
}

/** Throws {@link SchemaMismatchError} unless the schema is at least what this build needs and shares its history. */
export async function checkSchema(query: (sql: string) => Promise<AppliedMigration[]>): Promise<void> {
  const migrations = await readMigrations();
  const applied = await query('SELECT number, name, sha256 FROM safelight.schema_migrations ORDER BY number').catch(
    (error: unknown) => {
      if ((error as { code?: string }).code === '42P01') return [];
      throw error;
    },
  );
  // A newer schema is legal while a rolling upgrade runs: migrations expand first and contract later.
  compare(migrations, applied.slice(0, migrations.length));
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
}

async function readApplied(client: pg.Client): Promise<AppliedMigration[]> {
  const result = await client.query<AppliedMigration>(
    'SELECT number, name, sha256 FROM safelight.schema_migrations ORDER BY number',
  );
  return result.rows;
}

function compare(migrations: readonly Migration[], applied: readonly AppliedMigration[]): void {
  if (applied.length > migrations.length) {
    throw new SchemaMismatchError(
      `the database has ${applied.length} migrations, this build knows ${migrations.length}: run a newer build`,
    );
  }
  for (const [index, row] of applied.entries()) {
    const migration = migrations[index];
    if (migration?.number !== row.number || migration.sha256 !== row.sha256) {
      throw new SchemaMismatchError(
        `migration ${row.number} (${row.name}) in the database is not the one this build carries; applied migrations are never edited`,
      );
    }
  }
}

async function apply(client: pg.Client, migration: Migration): Promise<void> {
  await client.query('BEGIN');
  try {
    await client.query(`SET LOCAL search_path = safelight`);
    await client.query(migration.sql);
    await client.query('INSERT INTO safelight.schema_migrations (number, name, sha256) VALUES ($1, $2, $3)', [
      migration.number,
      migration.name,
      migration.sha256,
    ]);
    await client.query('COMMIT');
  } catch (error) {
    await client.query('ROLLBACK');
    throw new Error(`migration ${migration.number} (${migration.name}) failed: ${(error as Error).message}`, {
      cause: error,
    });
  }
}
