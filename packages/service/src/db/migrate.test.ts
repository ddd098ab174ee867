import { randomBytes } from 'node:crypto';
import pg from 'pg';
import { afterAll, beforeAll, describe, expect, inject, it } from 'vitest';
import { checkSchema, migrate, readMigrations, SchemaMismatchError } from './migrate.ts';

describe.each([18, 15] as const)('migrations on PostgreSQL %i', (major) => {
  const name = `m_${randomBytes(6).toString('hex')}`;
  const cluster = inject(major === 18 ? 'cluster18' : 'cluster15');
  const connection = { ...cluster.superuser, database: name };

  beforeAll(() => administer(`CREATE DATABASE ${name}`));
  afterAll(() => administer(`DROP DATABASE ${name} WITH (FORCE)`));

  it('are asked for by a node that finds none of them', async () => {
    await expect(check()).rejects.toThrow(/0 of \d+ migrations: run `safelight migrate`/);
  });

  it('are applied once, in order, however many nodes begin at the same time', async () => {
    const applied = await Promise.all([1, 2, 3, 4].map(() => migrate(connection)));
    const names = (await readMigrations()).map((migration) => migration.name);
    expect(applied.filter((list) => list.length > 0)).toEqual([names]);
    await expect(check()).resolves.toBeUndefined();
  });

  it('are never edited: one whose text has changed stops node and migration', async () => {
    await query(`UPDATE safelight.schema_migrations SET sha256 = reverse(sha256) WHERE number = 2`);
    await expect(migrate(connection)).rejects.toThrow(SchemaMismatchError);
    await expect(check()).rejects.toThrow(/migration 2 .+ never edited/);
    await query(`UPDATE safelight.schema_migrations SET sha256 = reverse(sha256) WHERE number = 2`);
  });

  it('go forward only: a newer schema serves an older node only if it says so, which does not migrate it', async () => {
    await insertLater(9998, true);
    await expect(check()).resolves.toBeUndefined();
    expect(await migrate(connection)).toEqual([]);
    await insertLater(9999, false);
    await expect(check()).rejects.toThrow(
      /migration 9999 \(later\), with which no older build works.*run a newer build/,
    );
    await expect(migrate(connection)).rejects.toThrow(/run a newer build/);
  });

  it('count as made for new builds alone where the table says nothing of it', async () => {
    await query('DELETE FROM safelight.schema_migrations WHERE number > 9000');
    await query('ALTER TABLE safelight.schema_migrations DROP COLUMN compatible');
    await expect(check()).resolves.toBeUndefined();
    await query(`INSERT INTO safelight.schema_migrations (number, name, sha256) VALUES (9999, 'later', 'x')`);
    await expect(check()).rejects.toThrow(/run a newer build/);
    await query('DELETE FROM safelight.schema_migrations WHERE number > 9000');
    expect(await migrate(connection)).toEqual([]);
    await insertLater(9999, true);
    await expect(check()).resolves.toBeUndefined();
  });

  async function insertLater(number: number, compatible: boolean): Promise<void> {
    await query(
      `INSERT INTO safelight.schema_migrations (number, name, sha256, compatible) VALUES (${number}, 'later', 'x', ${compatible})`,
    );
  }

  async function check(): Promise<void> {
    await checkSchema((sql) => query(sql));
  }

  async function query<Row extends pg.QueryResultRow>(sql: string): Promise<Row[]> {
    return run(connection, sql);
  }

  async function administer(sql: string): Promise<void> {
    await run(cluster.superuser, sql);
  }
});

async function run<Row extends pg.QueryResultRow>(config: pg.ClientConfig, sql: string): Promise<Row[]> {
  const client = new pg.Client(config);
  await client.connect();
  try {
    return (await client.query<Row>(sql)).rows;
  } finally {
    await client.end();
  }
}
