import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import pg from 'pg';
import { Database } from '../../packages/service/src/db/database.ts';
import { type EmbeddedCluster, startEmbeddedCluster } from '../../packages/service/src/db/embedded/index.ts';
import { createLogin, SERVICE_LOGIN } from '../../packages/service/src/db/login.ts';
import { migrate } from '../../packages/service/src/db/migrate.ts';

export const TENANTS = 1_000;
const PASSWORD = 'a-password-for-figures';

export function tenantId(index: number): string {
  return `ten_${String(index % TENANTS).padStart(26, '0')}`;
}

export function originalId(index: number): string {
  return `orig_${String(index).padStart(26, '0')}`;
}

/** A cluster of its own with the settings of production: fsync and synchronous commit are on. */
export class QueueStand {
  readonly cluster: EmbeddedCluster;
  readonly #folder: string;
  readonly #open: Database[] = [];

  private constructor(cluster: EmbeddedCluster, folder: string) {
    this.cluster = cluster;
    this.#folder = folder;
  }

  static async start(): Promise<QueueStand> {
    const folder = await mkdtemp(join(tmpdir(), 'safelight-bench-'));
    const cluster = await startEmbeddedCluster({ directory: join(folder, 'postgres'), log: () => undefined });
    return new QueueStand(cluster, folder);
  }

  /**
   * A migrated database with {@link TENANTS} tenants. The first `originals` are spread over them in turn; `blocks`
   * more stand in blocks of a thousand, each of one tenant.
   */
  async database(name: string, originals: number, connectionsMax: number, blocks = 0): Promise<Database> {
    await createLogin(this.cluster.connection, name, PASSWORD);
    await migrate({ ...this.cluster.connection, database: name });
    await this.superuser(name, async (client) => {
      await client.query(
        `INSERT INTO safelight.tenants (tenant_id, slug, url_secret)
         SELECT 'ten_' || lpad(i::text, 26, '0'), 'tenant-' || i, decode(repeat('00', 32), 'hex')
         FROM generate_series(0, $1 - 1) AS i`,
        [TENANTS],
      );
      await client.query(
        `INSERT INTO safelight.originals
           (tenant_id, original_id, sha256, object_key, bytes, format, width, height, frames, facts)
         SELECT 'ten_' || lpad((CASE WHEN i < $3 THEN i ELSE i / 1000 END % $2)::text, 26, '0'), 'orig_' || lpad(i::text, 26, '0'), sha256(i::text::bytea),
           'original/' || i, 1, 'jpeg', 1, 1, 1, '{}'
         FROM generate_series(0, $1 - 1) AS i`,
        [originals + blocks, TENANTS, originals],
      );
    });
    const connection = { ...this.cluster.connection, database: name, user: SERVICE_LOGIN, password: PASSWORD };
    const onError = (error: Error) => console.error(error.message);
    const database = new Database({ connection, connectionsMax, namedStatements: true, onError });
    this.#open.push(database);
    return database;
  }

  async superuser<T>(name: string, work: (client: pg.Client) => Promise<T>): Promise<T> {
    const client = new pg.Client({ ...this.cluster.connection, database: name });
    await client.connect();
    try {
      return await work(client);
    } finally {
      await client.end();
    }
  }

  async stop(): Promise<void> {
    for (const database of this.#open) await database.close();
    await this.cluster.stop();
    await rm(this.#folder, { recursive: true, force: true });
  }
}
