import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { Scope } from '@safelight/contract';
import pg from 'pg';
import { systemClock } from '../../packages/service/src/core/clock.ts';
import { Database } from '../../packages/service/src/db/database.ts';
import { DATABASE_URL_FILE } from '../../packages/service/src/db/open.ts';
import { createKey, createTenant, findTenant, newKeySecret } from '../../packages/service/src/tenants/index.ts';
import type { Safelight } from './safelight.ts';

/** Calls `work` with a way into a running node's own database, past its API. */
export async function withNodeDatabase<T>(
  node: Pick<Safelight, 'data'>,
  work: (database: Database) => Promise<T>,
): Promise<T> {
  const url = (await readFile(join(node.data, DATABASE_URL_FILE), 'utf8')).trim();
  const database = new Database({
    connection: { connectionString: url },
    connectionsMax: 2,
    namedStatements: true,
    onError: () => undefined,
  });
  try {
    return await work(database);
  } finally {
    await database.close();
  }
}

/** Runs SQL as the superuser of a node's own database: to break things. */
export async function asSuperuser(node: Pick<Safelight, 'data'>, sql: string, values: unknown[] = []) {
  const url = new URL((await readFile(join(node.data, DATABASE_URL_FILE), 'utf8')).trim().replace('@/', '@socket/'));
  const password = (await readFile(join(node.data, 'postgres', 'superuser-password'), 'utf8')).trim();
  const client = new pg.Client({
    host: url.searchParams.get('host') ?? '',
    port: Number(url.searchParams.get('port')),
    database: url.pathname.slice(1),
    user: 'postgres',
    password,
  });
  await client.connect();
  try {
    return (await client.query(sql, values)).rows as Record<string, unknown>[];
  } finally {
    await client.end();
  }
}

/** A key of the tenant `slug`, which is made when there is none. @returns the headers that carry it. */
export async function keyOf(
  node: Pick<Safelight, 'data'>,
  slug: string,
  scopes: readonly Scope[] = ['images:read', 'images:write'],
): Promise<{ authorization: string }> {
  return withNodeDatabase(node, async (database) => {
    const secret = newKeySecret(systemClock);
    const tenantId =
      (await findTenant(database, slug))?.tenantId ??
      (await database.transaction((tx) => createTenant(tx, systemClock, slug)));
    if (tenantId === undefined) throw new Error(`somebody else made the tenant ${slug} meanwhile`);
    await database.transaction((tx) => createKey(tx, systemClock, { tenantId, secret, scopes }));
    return { authorization: `Bearer ${secret}` };
  });
}
