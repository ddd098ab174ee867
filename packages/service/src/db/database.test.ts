import pg from 'pg';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { createTestDatabase, type TestDatabase } from '../../../../test/support/database.ts';
import { isConnectionLoss } from './database.ts';
import { hotStatement } from './statement.ts';

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
    // The one broken off may meet the other once more.
    expect(runs).toBeGreaterThan(2);
    expect(await database.query('SELECT DISTINCT weight FROM tenants')).toEqual([{ weight: 3 }]);
  });

  it('commits what was sent for later with the rest, in the order in which it was sent', async () => {
    const { database, tenants } = test;
    const seen = await database.transaction(async (tx) => {
      expect(await tx.later.query('UPDATE tenants SET weight = 20 WHERE tenant_id = $1', [tenants.a])).toEqual([]);
      const rows = await tx.query('SELECT weight FROM tenants WHERE tenant_id = $1', [tenants.a]);
      await tx.later.query('UPDATE tenants SET weight = weight + 1 WHERE tenant_id = $1', [tenants.a]);
      return rows;
    });
    expect(seen).toEqual([{ weight: 20 }]);
    expect(await database.query('SELECT tenant_id, weight FROM tenants WHERE weight = 21')).toEqual([
      { tenant_id: tenants.a, weight: 21 },
    ]);
  });

  it('undoes a transaction of which a statement sent for later fails, and tells that failure, not what follows from it', async () => {
    const { database, tenants } = test;
    const change = 'UPDATE tenants SET weight = 9 WHERE tenant_id = $1';
    const last = database.transaction(async (tx) => {
      await tx.query(change, [tenants.a]);
      await tx.later.query('SELECT 1 / 0');
    });
    await expect(last).rejects.toThrow(/zero/);
    const between = database.transaction(async (tx) => {
      await tx.later.query('SELECT 1 / 0');
      await tx.query(change, [tenants.a]);
    });
    await expect(between).rejects.toThrow(/zero/);
    expect(await database.query('SELECT 1 FROM tenants WHERE weight = 9')).toEqual([]);
  });

  it('runs nothing of a piece of work outside of its transaction, even when that has failed meanwhile', async () => {
    const { database, tenants } = test;
    let straggler: Promise<unknown> = Promise.resolve();
    const failed = database.asTenant(tenants.a, async (tx) => {
      const look = async () => {
        await tx.query('SELECT 1');
        await new Promise((resolve) => setImmediate(resolve));
        await tx.query('SELECT 1');
      };
      straggler = look().catch((error: Error) => error.message);
      await tx.query('SELECT 1 / 0');
    });
    await expect(failed).rejects.toThrow(/zero/);
    await expect(straggler).resolves.toMatch(/the transaction is over|current transaction is aborted/);
  });

  it('keeps the plans of a tenant’s transactions apart from its own', async () => {
    const { database, tenants } = test;
    const who = hotStatement('who', 'SELECT count(*)::int AS count FROM tenants');
    for (let round = 0; round < 7; round += 1) {
      expect(await database.query(who)).toEqual([{ count: 2 }]);
      expect(await database.asTenant(tenants.b, (tx) => tx.query(who))).toEqual([{ count: 1 }]);
    }
    const names = await database.query<{ name: string; kept: number }>(
      `SELECT name, generic_plans::int AS kept FROM pg_prepared_statements WHERE name ~ '^who' ORDER BY name`,
    );
    expect(names).toEqual([
      { name: 'who', kept: expect.any(Number) },
      { name: 'who@tenant', kept: expect.any(Number) },
    ]);
    expect(names.map(({ kept }) => kept > 0)).toEqual([true, true]);
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
