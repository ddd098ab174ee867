import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import pg from 'pg';
import type { Subject } from './subject.ts';

/**
 * Runs SQL past every wall and trigger, as an intruder or a bug could, then `work`, and puts the tables back as they
 * were.
 */
export async function withTampered<T>(
  subject: Subject,
  tables: readonly string[],
  sql: string,
  work: () => Promise<T>,
): Promise<T> {
  const client = await connectAsSuperuser(subject);
  try {
    for (const table of tables) await client.query(`CREATE TEMP TABLE kept_${table} AS TABLE ${table}`);
    await client.query(sql);
    return await work();
  } finally {
    for (const table of tables) {
      await client.query(`DELETE FROM ${table}`);
      const columns = await writableColumns(client, table);
      await client.query(`INSERT INTO ${table} (${columns}) SELECT ${columns} FROM kept_${table}`);
    }
    await client.end();
  }
}

/** All but those that the database itself computes. */
async function writableColumns(client: pg.Client, table: string): Promise<string> {
  const { rows } = await client.query<{ columns: string }>(
    `SELECT string_agg(quote_ident(attname), ', ') AS columns FROM pg_attribute
     WHERE attrelid = $1::regclass AND attnum > 0 AND NOT attisdropped AND attgenerated = ''`,
    [table],
  );
  return rows[0]?.columns ?? '';
}

async function connectAsSuperuser({ data }: Subject): Promise<pg.Client> {
  const password = (await readFile(join(data, 'postgres', 'superuser-password'), 'utf8')).trim();
  const url = (await readFile(join(data, 'database-url'), 'utf8')).trim();
  const client = new pg.Client({
    connectionString: url.replace(/\/\/[^@]*@/, `//postgres:${password}@`),
    options: '-c search_path=safelight -c session_replication_role=replica',
  });
  await client.connect();
  return client;
}
