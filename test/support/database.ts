import { randomBytes } from 'node:crypto';
import pg from 'pg';
import { inject } from 'vitest';
import { Database } from '../../packages/service/src/db/database.ts';
import { SERVICE_LOGIN } from '../../packages/service/src/db/login.ts';

export interface ClusterAddress {
  readonly superuser: { host: string; port: number; user: string; password: string; database: string };
  readonly servicePassword: string;
}

declare module 'vitest' {
  interface ProvidedContext {
    cluster18: ClusterAddress;
    cluster15: ClusterAddress;
  }
}

export interface TestDatabase {
  readonly database: Database;
  /** Connects as the superuser, past every wall: to look, and to break things. */
  readonly superuser: pg.ClientConfig;
  readonly service: pg.ClientConfig;
  /** Two tenants stand in every test database. */
  readonly tenants: { readonly a: string; readonly b: string };
  /** Closes the connections, fails when one was not given back, and drops the database. */
  close(): Promise<void>;
}

export const TENANT_A = 'ten_00000000000000000000000001';
export const TENANT_B = 'ten_00000000000000000000000002';

/** A connection past every wall, on which names need no schema; whoever asks for it ends it. */
export async function connectAsSuperuser({ superuser }: Pick<TestDatabase, 'superuser'>): Promise<pg.Client> {
  const client = new pg.Client({ ...superuser, options: '-c search_path=safelight' });
  await client.connect();
  return client;
}

/** A migrated database of its own with two tenants, on PostgreSQL 18 or 15; plans are kept as in service, or for less. */
export async function createTestDatabase(major: 18 | 15 = 18, plansMsMax?: number): Promise<TestDatabase> {
  const { superuser, servicePassword } = inject(major === 18 ? 'cluster18' : 'cluster15');
  const name = `t_${randomBytes(6).toString('hex')}`;
  await withClient(superuser, (client) => client.query(`CREATE DATABASE ${name} TEMPLATE safelight_template`));
  const own = { ...superuser, database: name };
  const service = { ...own, user: SERVICE_LOGIN, password: servicePassword };
  const database = new Database({
    connection: service,
    connectionsMax: 10,
    namedStatements: true,
    ...(plansMsMax !== undefined && { plansMsMax }),
    onError: (error) => {
      throw error;
    },
  });
  await database.query(
    `INSERT INTO tenants (tenant_id, slug, url_secret) VALUES ($1, 'tenant-a', $3), ($2, 'tenant-b', $3)`,
    [TENANT_A, TENANT_B, randomBytes(32)],
  );
  return {
    database,
    superuser: own,
    service,
    tenants: { a: TENANT_A, b: TENANT_B },
    close: async () => {
      const { total, idle } = database.counts();
      await database.close();
      await withClient(superuser, (client) => client.query(`DROP DATABASE ${name} WITH (FORCE)`));
      if (total !== idle) throw new Error(`${total - idle} connections were not given back to the pool`);
    },
  };
}

async function withClient<T>(config: pg.ClientConfig, work: (client: pg.Client) => Promise<T>): Promise<T> {
  const client = new pg.Client(config);
  await client.connect();
  try {
    return await work(client);
  } finally {
    await client.end();
  }
}
