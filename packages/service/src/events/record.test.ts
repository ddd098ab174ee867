import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { connectAsSuperuser } from '../../../../test/support/database.ts';
import { createTestLog, newTestEvent, type TestLog } from '../../../../test/support/events.ts';
import { systemClock } from '../core/clock.ts';
import { readEvents, readHeadPosition, recordEvent, recordEvents } from './index.ts';
import { BATCH_EVENTS_MAX, EVENT_BYTES_MAX } from './model.ts';

describe.each([18, 15] as const)('the walls around the log on PostgreSQL %i', (major) => {
  let log: TestLog;
  beforeAll(async () => {
    log = await createTestLog(major);
    await log.record(log.tenants.a, 2, 'img_1');
    await log.record(log.tenants.b, 3, 'img_1');
    await log.sealAll();
  });
  afterAll(() => log.close());

  const asTenant = (tenantId: string, sql: string) => log.database.asTenant(tenantId, (tx) => tx.query(sql));

  test('a tenant reads its own events and none of another', async () => {
    const { a, b } = log.tenants;
    const read = (as: string, tenantId: string, imageId?: string) =>
      log.database.asTenant(as, (tx) => readEvents(tx, { tenantId, imageId, afterPosition: 0 }));
    expect((await read(a, a)).map((event) => event.tenantId)).toEqual([a, a]);
    expect(await read(a, b)).toEqual([]);
    expect(await read(a, b, 'img_1')).toEqual([]);
    expect(await asTenant(a, 'SELECT DISTINCT tenant_id FROM events')).toEqual([{ tenant_id: a }]);
    expect(await asTenant(a, 'SELECT DISTINCT tenant_id FROM event_checkpoints')).toEqual([{ tenant_id: a }]);
    expect(await log.database.asTenant(a, (tx) => readHeadPosition(tx, b))).toBe(0);
  });

  test('a tenant records nothing for another, and sees nothing of its unsealed events', async () => {
    const { a, b } = log.tenants;
    await expect(
      log.database.asTenant(a, (tx) => recordEvents(tx, systemClock, [newTestEvent(a), newTestEvent(b)])),
    ).rejects.toThrow('row-level security');
    await log.database.asTenant(b, async (tx) => {
      await recordEvent(tx, systemClock, newTestEvent(b));
      expect(await tx.query('SELECT tenant_id FROM event_inbox')).toEqual([{ tenant_id: b }]);
    });
    expect(await asTenant(a, 'SELECT tenant_id FROM event_inbox')).toEqual([]);
    await log.sealAll();
  });

  test.each([
    'INSERT INTO event_inbox (tenant_id, xid) SELECT tenant_id, pg_current_xact_id() FROM tenants',
    'INSERT INTO event_inbox (tenant_id, at) SELECT tenant_id, now() FROM tenants',
    'UPDATE event_inbox SET xid = pg_current_xact_id()',
    'DELETE FROM event_inbox',
    'INSERT INTO events (tenant_id) SELECT tenant_id FROM tenants',
    'SELECT log_position FROM event_heads',
    'SELECT log_position FROM sealer_state',
  ])('whoever records chooses neither transaction nor time, and does not seal: %s', async (sql) => {
    await expect(asTenant(log.tenants.a, sql)).rejects.toThrow('permission denied');
  });

  test.each([
    `UPDATE events SET data = '{}'`,
    `UPDATE events SET personal = '{"a":1}', salt = sha256('a')`,
    `UPDATE events SET position = position + 100`,
    `DELETE FROM events`,
    `TRUNCATE events`,
    `UPDATE event_checkpoints SET key_id = 'seal_forged'`,
    `DELETE FROM event_checkpoints`,
    `TRUNCATE event_checkpoints`,
  ])('history is refused to everybody who does not switch the trigger off: %s', async (sql) => {
    await expect(log.database.query(sql)).rejects.toThrow(/permission denied|append-only/);
    const superuser = await connectAsSuperuser(log);
    try {
      await expect(superuser.query(sql)).rejects.toThrow('history is append-only');
      await superuser.query('SET ROLE safelight_owner');
      await expect(superuser.query(sql)).rejects.toThrow('history is append-only');
    } finally {
      await superuser.end();
    }
  });
});

describe('recording', () => {
  let log: TestLog;
  beforeAll(async () => {
    log = await createTestLog();
  });
  afterAll(() => log.close());

  const record = (given: object) =>
    log.database.asTenant(log.tenants.a, (tx) =>
      recordEvent(tx, systemClock, { ...newTestEvent(log.tenants.a), ...given } as never),
    );

  test('takes nothing that is not of the catalogue', async () => {
    await expect(record({ data: { jobId: 'job_1', email: 'a@example.org' } })).rejects.toThrow('not of its shape');
    await expect(record({ data: {} })).rejects.toThrow('not of its shape');
    await expect(record({ personal: { address: '192.0.2.1' } })).rejects.toThrow('not of their shape');
    await expect(record({ data: { jobId: 'x'.repeat(EVENT_BYTES_MAX) } })).rejects.toThrow(
      `at most ${EVENT_BYTES_MAX}`,
    );
    expect(await log.database.query('SELECT FROM event_inbox')).toEqual([]);
  });

  test('refuses a tenant that does not exist, rather than let the sealer stumble over it', async () => {
    await expect(
      log.database.transaction((tx) => recordEvent(tx, systemClock, newTestEvent('ten_unknown'))),
    ).rejects.toThrow('event_inbox_tenant_id_fkey');
  });

  test('takes none, and more than fit one statement, in their order', async () => {
    const { a } = log.tenants;
    const events = Array.from({ length: BATCH_EVENTS_MAX + 1 }, () => newTestEvent(a));
    await log.database.asTenant(a, (tx) => recordEvents(tx, systemClock, []));
    await log.database.asTenant(a, (tx) => recordEvents(tx, systemClock, events));
    await log.sealAll();
    const read = await readEvents(log.database, { tenantId: a, afterPosition: 0 });
    const rest = await readEvents(log.database, { tenantId: a, afterPosition: read.length });
    expect([...read, ...rest].map((event) => event.subject)).toEqual(events.map((event) => event.subject));
  });
});
