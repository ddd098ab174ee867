import { systemClock } from '../../packages/service/src/core/clock.ts';
import { hostsOf } from '../../packages/service/src/db/cluster/hosts.ts';
import { Database } from '../../packages/service/src/db/database.ts';
import { createKey, createTenant, newKeySecret } from '../../packages/service/src/tenants/index.ts';

/** Makes a tenant in the database of a URL. @returns the header of a key that may read and write its images. */
export async function addTenant(url: string, slug: string): Promise<string> {
  return withDatabase(url, (database) =>
    database.transaction(async (tx) => {
      const tenantId = await createTenant(tx, systemClock, slug);
      if (tenantId === undefined) throw new Error(`there is a tenant ${slug} already`);
      const secret = newKeySecret(systemClock);
      await createKey(tx, systemClock, { tenantId, secret, scopes: ['images:read', 'images:write'] });
      return `Bearer ${secret}`;
    }),
  );
}

/** Calls `work` with a way to the writer among the hosts of a URL. */
export async function withDatabase<T>(url: string, work: (database: Database) => Promise<T>): Promise<T> {
  const database = new Database({
    connection: hostsOf(url),
    connectionsMax: 2,
    namedStatements: false,
    onError: () => undefined,
  });
  try {
    return await work(database);
  } finally {
    await database.close();
  }
}
