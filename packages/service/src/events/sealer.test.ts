import { setTimeout as pause } from 'node:timers/promises';
import pg from 'pg';
import { beforeEach, describe, expect, test } from 'vitest';
import { createTestLog, type TestLog } from '../../../../test/support/events.ts';
import { Database, type OpenTransaction, type SqlValue } from '../db/database.ts';
import type { Statement } from '../db/statement.ts';
import { type Anchors, verifyEvents } from './index.ts';
import { FENCE_SEALER } from './lease.sql.ts';
import { acquireSealerLease } from './lease.ts';
import { sealBatch } from './seal.ts';

const LEASE_MS = 10_000;

let log: TestLog;
beforeEach(async () => {
  log = await createTestLog();
  return () => log.close();
});

const sealed = async () => {
  const [row] = await log.database.query<{ count: number }>('SELECT count(*) FROM events');
  return row?.count ?? 0;
};
const waiting = async () => (await log.database.query('SELECT FROM event_inbox')).length;
const holder = async () => {
  const [row] = await log.database.query<{ holder: string | null }>('SELECT holder FROM sealer_state');
  return row?.holder;
};
const verify = () => verifyEvents({ database: log.database, anchors: log.store, publicKeys: [log.key.publicKey] });
const anchorKeys = async () => {
  const keys: string[] = [];
  for await (const { key } of log.store.list('system/anchors/')) keys.push(key);
  return keys;
};

class CountedDatabase extends Database {
  queries = 0;
  transactions = 0;
  override query<Row>(sql: Statement | string, values?: readonly SqlValue[]): Promise<Row[]> {
    this.queries += 1;
    return super.query(sql, values);
  }
  override transaction<T>(work: (tx: OpenTransaction) => Promise<T>): Promise<T> {
    this.transactions += 1;
    return super.transaction(work);
  }
}

const openCounted = () =>
  new CountedDatabase({
    connection: log.service,
    connectionsMax: 2,
    namedStatements: true,
    onError: () => undefined,
  });

describe('the lease', () => {
  test('is held by one of several, who seals what the others hint at, and goes to another when that one stops', async () => {
    const [first, second] = [log.startSealer({ nodeId: 'node_1' }), log.startSealer({ nodeId: 'node_2' })];
    await expect.poll(() => first.leads !== second.leads).toBe(true);
    const [leader, other] = first.leads ? [first, second] : [second, first];
    await log.record(log.tenants.a, 1);
    other.hint();
    await expect.poll(sealed, { timeout: 900, interval: 10 }).toBe(1);
    await leader.stop();
    await expect.poll(() => other.leads, { timeout: 900, interval: 10 }).toBe(true);
    await log.record(log.tenants.a, 1);
    other.hint();
    await expect.poll(sealed).toBe(2);
    expect((await verify()).findings).toEqual([]);
  });

  test('of a node that vanished passes on once it is over, not before', async () => {
    const leaseMs = 1_500;
    await acquireSealerLease(log.database, 'node_gone', leaseMs);
    const takenAt = performance.now();
    const sealer = log.startSealer({ leaseMs });
    await expect.poll(() => sealer.leads, { timeout: 5_000, interval: 20 }).toBe(true);
    expect(performance.now() - takenAt).toBeGreaterThan(leaseMs * 0.95);
  });

  test('is renewed while there is nothing to seal', async () => {
    const leaseMs = 1_500;
    const [first, second] = [log.startSealer({ leaseMs }), log.startSealer({ leaseMs })];
    await expect.poll(() => first.leads || second.leads).toBe(true);
    const leader = await holder();
    const until = performance.now() + 3 * leaseMs;
    while (performance.now() < until) {
      expect(await holder()).toBe(leader);
      expect(first.leads && second.leads).toBe(false);
      await pause(100);
    }
  });

  test('does not freeze when the clock of the database is set back', async () => {
    const leaseMs = 2_000;
    await acquireSealerLease(log.database, 'node_gone', leaseMs);
    await log.tamper(`UPDATE sealer_state SET lease_until = now() + interval '1 hour'`);
    log.startSealer({ nodeId: 'node_new', leaseMs });
    await expect.poll(holder, { timeout: 1_500 }).toBe('node_new');
  });

  test('that has passed on lets its old holder write nothing', async () => {
    const sealer = log.startSealer({ nodeId: 'node_paused' });
    await expect.poll(() => sealer.leads).toBe(true);
    await log.tamper(`UPDATE sealer_state SET lease_until = '-infinity'`);
    const usurped = await acquireSealerLease(log.database, 'node_new', LEASE_MS);
    if (!usurped) throw new Error('the lease was over');
    await log.record(log.tenants.a, 3);
    sealer.hint();
    await expect.poll(() => sealer.leads).toBe(false);
    sealer.hint();
    await pause(200);
    expect([await sealed(), await waiting(), await holder()]).toEqual([0, 3, 'node_new']);
    expect((await sealBatch(log.database, usurped.lease, LEASE_MS)).events).toBe(3);
  });

  test('of a process that freezes in the middle of a batch is not frozen with it', async () => {
    const frozen = new pg.Client({ ...log.service, options: '-c search_path=safelight' });
    await frozen.connect();
    const errors: Error[] = [];
    frozen.on('error', (error) => errors.push(error));
    const leaseMs = 1_000;
    const acquired = await acquireSealerLease(log.database, 'node_frozen', leaseMs);
    await frozen.query('BEGIN');
    await frozen.query(FENCE_SEALER.text, ['node_frozen', acquired?.lease.token, '5000']);
    await log.record(log.tenants.a, 1);
    log.startSealer({ leaseMs });
    await pause(2 * leaseMs);
    expect(await sealed()).toBe(0);
    await expect.poll(sealed, { timeout: 10_000 }).toBe(1);
    expect(errors.map(String).join()).toContain('idle-in-transaction timeout');
  });
});

describe('at work', () => {
  test('nothing is lost, doubled or reordered while connections are cut again and again', async () => {
    const fragile = new Database({
      connection: log.service,
      connectionsMax: 4,
      namedStatements: true,
      onError: () => undefined,
    });
    const sealers = [1, 2].map(() => log.startSealer({ database: fragile, onError: () => undefined }));
    for (let round = 0; round < 20; round += 1) {
      await log.record(round % 2 ? log.tenants.a : log.tenants.b, 25);
      for (const sealer of sealers) sealer.hint();
      await pause(20 + (round % 5) * 15);
      await log
        .tamper(
          `SELECT pg_terminate_backend(pid) FROM pg_stat_activity
         WHERE datname = current_database() AND usename = 'safelight_service' AND query ~ 'sealer|event_heads|event_inbox'
           AND query !~ 'unnest.*text.*jsonb'`,
        )
        .catch(() => undefined);
    }
    await expect.poll(sealed, { timeout: 20_000 }).toBe(500);
    for (const sealer of sealers) await sealer.stop();
    expect(await verify()).toMatchObject({ findings: [], events: 500, unsigned: 0 });
    await fragile.close();
  });

  test('signs a tenant at most once a second, and the last events within two', async () => {
    const sealer = log.startSealer();
    for (let round = 0; round < 30; round += 1) {
      await log.record(log.tenants.a, 1);
      sealer.hint();
      await pause(100);
    }
    const unsigned = () => log.database.query('SELECT FROM event_heads WHERE position > signed_position');
    await expect.poll(unsigned, { timeout: 2_000 }).toEqual([]);
    const rows = await log.database.query<{ at: Date }>('SELECT at FROM event_checkpoints ORDER BY position');
    expect(rows.length).toBeGreaterThan(2);
    for (const [index, { at }] of rows.entries()) {
      const before = rows[index - 1]?.at;
      if (before) expect(at.getTime() - before.getTime()).toBeGreaterThanOrEqual(950);
    }
  });

  test('keeps the last ten anchors that the log confirms', async () => {
    for (let round = 0; round < 13; round += 1) {
      await log.record(log.tenants.a, 1);
      await log.sealAll();
    }
    expect((await anchorKeys()).length).toBe(10);
    expect(await verify()).toMatchObject({ findings: [], anchors: 10 });
  });

  test('goes on while the object store is away, and anchors when it is back', async () => {
    let isAway = true;
    const errors: Error[] = [];
    const away = async () => {
      if (isAway) throw new Error('the store is away');
    };
    const anchors: Anchors = {
      put: (key, body, options) => away().then(() => log.store.put(key, body, options)),
      read: (key, range) => away().then(() => log.store.read(key, range)),
      remove: (keys) => away().then(() => log.store.remove(keys)),
      list: async function* (prefix) {
        await away();
        yield* log.store.list(prefix);
      },
    };
    const sealer = log.startSealer({ anchors, onError: (error) => errors.push(error) });
    await log.record(log.tenants.a, 2);
    sealer.hint();
    await expect.poll(sealed).toBe(2);
    await expect.poll(() => errors.length, { timeout: 5_000 }).toBeGreaterThan(2);
    expect(new Set(errors.map((error) => error.message))).toEqual(new Set(['the store is away']));
    isAway = false;
    await expect.poll(async () => (await anchorKeys()).length, { timeout: 5_000 }).toBe(1);
    expect(await verify()).toMatchObject({ findings: [], anchors: 1 });
  });

  test('looks less and less often at events that wait behind an open transaction', async () => {
    const database = openCounted();
    const sealer = log.startSealer({ database });
    await expect.poll(() => sealer.leads).toBe(true);
    await log.database.transaction(async (tx) => {
      await tx.query('SELECT pg_current_xact_id()');
      await log.record(log.tenants.a, 1);
      sealer.hint();
      await pause(500);
      database.queries = 0;
      database.transactions = 0;
      await pause(2_000);
      expect(database.queries).toBeLessThanOrEqual(5);
      expect(database.transactions).toBe(0);
      expect(await sealed()).toBe(0);
    });
    await expect.poll(sealed, { timeout: 2_000 }).toBe(1);
    await sealer.stop();
    await database.close();
  });

  test('costs about a query per second when nothing happens', async () => {
    const database = openCounted();
    const sealer = log.startSealer({ database });
    await expect.poll(() => sealer.leads).toBe(true);
    database.queries = 0;
    await pause(3_000);
    expect(database.queries).toBeLessThanOrEqual(5);
    await sealer.stop();
    await database.close();
  });
});
