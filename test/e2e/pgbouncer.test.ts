import pg from 'pg';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { hostsOf } from '../../packages/service/src/db/cluster/hosts.ts';
import { Database } from '../../packages/service/src/db/database.ts';
import { UploadLoad } from '../chaos/failover.ts';
import { createTestDatabase, type TestDatabase } from '../support/database.ts';
import { addTenant } from '../support/database-url.ts';
import { PGBOUNCER_MISSING, PgBouncer } from '../support/pgbouncer.ts';
import { tinyPhoto } from '../support/pictures.ts';
import { Safelight } from '../support/safelight.ts';
import { until } from '../support/until.ts';

describe.skipIf(PGBOUNCER_MISSING)('a node behind a transaction-pooling PgBouncer', () => {
  let test: TestDatabase;
  let bouncer: PgBouncer;
  let direct: string;
  let authorization: string;
  let jpeg: Buffer;

  beforeAll(async () => {
    jpeg = await tinyPhoto();
    test = await createTestDatabase();
    const { user, password, host, port, database } = test.service;
    direct = `postgres://${user}:${password}@/${database}?host=${encodeURIComponent(host ?? '')}&port=${port}`;
    authorization = await addTenant(direct, 'acme');
    bouncer = await PgBouncer.start(test.service);
  });
  afterAll(async () => {
    await bouncer?.close();
    await test?.close();
  });

  const proxied = (past: string | undefined) =>
    new Database({
      connection: hostsOf(bouncer.url),
      connectionsMax: 2,
      namedStatements: true,
      proxy: { direct: past === undefined ? undefined : hostsOf(past) },
      onError: () => undefined,
    });

  /** Calls `work` with the payloads that a subscriber hears. */
  async function whileListening(database: Database, work: (heard: string[]) => Promise<void>): Promise<void> {
    const heard: string[] = [];
    database.listen('a_channel', (payload) => heard.push(payload));
    try {
      await work(heard);
    } finally {
      await database.close();
    }
  }

  it('accepts, renders and delivers, and leaves nothing in the sessions that it borrows', async () => {
    const proxy = { DATABASE_URL: bouncer.url, SAFELIGHT_DATABASE_PROXY: 'transaction' };
    const node = await Safelight.start({ env: { ...proxy, SAFELIGHT_WORKERS: '1' } });
    try {
      const uploads = new UploadLoad({ url: node.url, authorization, jpeg, clients: 6 });
      await uploads.acknowledgedSince(0, 6);
      await uploads.stop();
      expect(uploads.failed).toEqual([]);
      expect(await uploads.lost()).toEqual([]);
    } finally {
      await node.close();
    }
    expect(await sessionState()).toEqual({ prepared: 0, path: '"$user", public', role: 'none', seqscan: 'on' });
  });

  it('hears what is notified when it is told the way past the proxy', async () => {
    const database = proxied(direct);
    await whileListening(database, async (heard) => {
      await until('the connection stands', () => heard.length === 1);
      await database.query(`SELECT pg_notify('a_channel', 'news')`);
      await until('the news', () => heard.includes('news'));
    });
  });

  it('wakes its subscribers by itself when it is not', async () => {
    await whileListening(proxied(undefined), (heard) =>
      until('they are woken three times', () => heard.length >= 3).then(() => undefined),
    );
  });

  /** What one of the sessions of the proxy has kept of those who had it. */
  async function sessionState(): Promise<unknown> {
    const client = new pg.Client({ connectionString: bouncer.url });
    await client.connect();
    try {
      const { rows } = await client.query(`SELECT (SELECT count(*)::int FROM pg_prepared_statements) AS prepared,
        current_setting('search_path') AS path, current_setting('role') AS role, current_setting('enable_seqscan') AS seqscan`);
      return rows[0];
    } finally {
      await client.end();
    }
  }
});
