import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import pg from 'pg';
import { startEmbeddedCluster } from '../../packages/service/src/db/embedded/index.ts';
import { migrate } from '../../packages/service/src/db/migrate.ts';
import type { Query } from './schema.ts';

/** Runs `work` on a database that was made for it by all migrations, and takes it away afterwards. */
export async function migratedDatabase<T>(work: (query: Query) => Promise<T>): Promise<T> {
  const directory = await mkdtemp(join(tmpdir(), 'safelight-reference-'));
  const cluster = await startEmbeddedCluster({ directory: join(directory, 'postgres'), log: () => undefined });
  try {
    await migrate(cluster.connection);
    const client = new pg.Client({ ...cluster.connection, options: '-c search_path=safelight' });
    await client.connect();
    try {
      return await work(async <Row>(sql: string) => (await client.query(sql)).rows as Row[]);
    } finally {
      await client.end();
    }
  } finally {
    await cluster.stop();
    await rm(directory, { recursive: true, force: true });
  }
}
