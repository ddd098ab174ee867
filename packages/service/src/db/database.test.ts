import pg from 'pg';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { createTestDatabase, type TestDatabase } from '../../../../test/support/database.ts';
import { isConnectionLoss } from './database.ts';

describe('the way to the database', () => {
  let test: TestDatabase;
  beforeAll(async () => {
    test = await createTestDatabase();
  });
  afterAll(() => test.close());

  it('shows a tenant its own rows alone, and the login all of them', async () => {
    const { database, tenants } = test;
    const seen = (tenant: string) =>
      database.asTenant(tenant, (tx) => tx.query<{ tenant_id: string }>('SELECT tenant_id FROM tenants'));
    expect(await seen(tenants.a)).toEqual([{ tenant_id: tenants.a }]);
    expect(await seen(tenants.b)).toEqual([{ tenant_id: tenants.b }]);
    expect(await database.query('SELECT tenant_id FROM tenants')).toHaveLength(2);
  });

  it('takes a tenant for a value, whatever it says', async () => {
    const hostile = "x'; RESET ROLE; --";
    const rows = await test.database.asTenant(hostile, (tx) =>
      tx.query<{ tenant: string; role: string }>('SELECT current_tenant() AS tenant, current_user AS role'),
    );
    expect(rows).toEqual([{ tenant: hostile, role: 'safelight_app' }]);
  });

  it('leaves neither role nor tenant behind on the connection', async () => {
    const { database, tenants } = test;
    await database.asTenant(tenants.a, (tx) => tx.query('SELECT 1'));
    await expect(database.asTenant(tenants.a, (tx) => tx.query('SELECT 1 / 0'))).rejects.toThrow(/zero/);
    const rows = await database.query('SELECT current_tenant() AS tenant, current_user AS role');
    expect(rows).toEqual([{ tenant: null, role: 'safelight_service' }]);
  });

  it('undoes a transaction whose work throws', async () => {
    const { database, tenants } = test;
    const work = database.transaction(async (tx) => {
      await tx.query('UPDATE tenants SET weight = 7 WHERE tenant_id = $1', [tenants.a]);
      throw new Error('thought better of it');
    });
    await expect(work).rejects.toThrow('thought better of it');
    expect(await database.query('SELECT weight FROM tenants WHERE weight = 7')).toEqual([]);
  });

  it('does the work again that a deadlock broke off', async () => {
    const { database, tenants } = test;
    const both = Promise.withResolvers<void>();
    let waiting = 0;
    let runs = 0;
    const cross = (first: string, second: string) =>
      database.transaction(async (tx) => {
        runs += 1;
        await tx.query('UPDATE tenants SET weight = weight + 1 WHERE tenant_id = $1', [first]);
        waiting += 1;
        if (waiting >= 2) both.resolve();
        await both.promise;
        await tx.query('UPDATE tenants SET weight = weight + 1 WHERE tenant_id = $1', [second]);
      });
    await Promise.all([cross(tenants.a, tenants.b), cross(tenants.b, tenants.a)]);
    expect(runs).toBe(3);
    expect(await database.query('SELECT DISTINCT weight FROM tenants')).toEqual([{ weight: 3 }]);
  });

  it('drops a connection that the server ended, tells it for what it is, and goes on with another', async () => {
    const { database } = test;
    const ended = database.transaction(async (tx) => {
      const [row] = await tx.query<{ pid: number }>('SELECT pg_backend_pid() AS pid');
      await asSuperuser(`SELECT pg_terminate_backend(${row?.pid})`);
      await tx.query('SELECT 1');
    });
    await expect(ended).rejects.toSatisfy(isConnectionLoss);
    expect(await database.query('SELECT 1 AS one')).toEqual([{ one: 1 }]);
  });

  it('hears notifications again after its listening connection was ended', async () => {
    const { database } = test;
    const heard: string[] = [];
    let wake = () => {};
    const unlisten = database.listen('a_channel', (payload) => {
      heard.push(payload);
      wake();
    });
    const next = () =>
      new Promise<void>((resolve) => {
        wake = resolve;
      });
    const connected = next();
    await connected;
    const again = next();
    await asSuperuser(`SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE query LIKE 'LISTEN%'`);
    await again;
    const told = next();
    await database.query(`SELECT pg_notify('a_channel', 'news')`);
    await told;
    unlisten();
    // The empty ones say that something may have been missed.
    expect(heard).toEqual(['', '', 'news']);
  });

  async function asSuperuser(sql: string): Promise<void> {
    const client = new pg.Client(test.superuser);
    await client.connect();
    await client.query(sql);
    await client.end();
  }
});
