import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { createTestLog, newTestEvent, type TestLog } from '../../../../test/support/events.ts';
import { systemClock } from '../core/clock.ts';
import { newId } from '../core/ids.ts';
import { type NewEvent, readEvents, recordEvent, recordEvents } from './index.ts';
import { ACQUIRE_SEALER_LEASE } from './lease.sql.ts';
import { acquireSealerLease, DeposedError, type SealerLease } from './lease.ts';
import { BATCH_EVENTS_MAX } from './model.ts';
import { sealBatch } from './seal.ts';

const LEASE_MS = 10_000;

describe.each([18, 15] as const)('sealing on PostgreSQL %i', (major) => {
  let log: TestLog;
  let lease: SealerLease;
  beforeAll(async () => {
    log = await createTestLog(major);
    const acquired = await acquireSealerLease(log.database, 'node_test', LEASE_MS);
    if (!acquired) throw new Error('the lease of a new database is free');
    lease = acquired.lease;
  });
  afterAll(() => log.close());

  const seal = () => sealBatch(log.database, lease, LEASE_MS);
  const subjects = async (tenantId: string, afterPosition = 0) =>
    (await readEvents(log.database, { tenantId, afterPosition })).map((event) => event.subject);
  const positions = async (tenantId: string) =>
    (await readEvents(log.database, { tenantId, afterPosition: 0 })).map((event) => event.position);
  const logPositions = () =>
    log.database
      .query<{ log_position: number }>('SELECT log_position FROM events ORDER BY log_position')
      .then((rows) => rows.map((row) => row.log_position));

  test('an event is unreadable until it is sealed, and then tells all that was recorded', async () => {
    const { a } = log.tenants;
    const event: NewEvent = {
      tenantId: a,
      type: 'image.accepted',
      subject: 'img_1',
      imageId: 'img_1',
      actor: 'key_1',
      data: {
        originalId: 'orig_1',
        bytes: 12,
        format: 'jpeg',
        width: 3,
        height: 4,
        frames: 1,
        duplicate: false,
        renditions: 3,
      },
      personal: { filename: 'ein Foto “é”.jpg' },
    };
    await log.database.asTenant(a, (tx) => recordEvent(tx, systemClock, event));
    expect(await subjects(a)).toEqual([]);
    await untilSettled(seal, 1);
    const [sealed] = await readEvents(log.database, { tenantId: a, afterPosition: 0 });
    expect(sealed).toMatchObject({ ...event, position: 1 });
    expect(sealed?.eventId).toMatch(/^evt_/);
    expect(Math.abs((sealed?.at.getTime() ?? 0) - systemClock.now())).toBeLessThan(60_000);
  });

  test('no reader skips the event of a transaction that stays open while later ones commit', async () => {
    const { a } = log.tenants;
    const slow = newTestEvent(a);
    const quick = newTestEvent(a);
    const start = (await positions(a)).length;
    await log.database.asTenant(a, async (tx) => {
      await recordEvent(tx, systemClock, slow);
      await log.database.asTenant(a, (other) => recordEvent(other, systemClock, quick));
      // The quick one is committed, but the slow one may still come before it.
      expect((await seal()).events).toBe(0);
      expect(await subjects(a, start)).toEqual([]);
    });
    await untilSettled(seal, 2);
    expect(await subjects(a, start)).toEqual([slow.subject, quick.subject]);
    expect(await positions(a)).toEqual(Array.from({ length: start + 2 }, (_, index) => index + 1));
  });

  test('a transaction that is rolled back leaves no gap, and a savepoint that is rolled back neither', async () => {
    const { a, b } = log.tenants;
    const kept = [newTestEvent(a), newTestEvent(b), newTestEvent(a)];
    const lost = newTestEvent(a);
    const start = (await positions(a)).length;
    await log.database
      .asTenant(a, async (tx) => {
        await recordEvent(tx, systemClock, lost);
        throw new Error('rolled back');
      })
      .catch(() => undefined);
    await log.database.transaction(async (tx) => {
      await recordEvents(tx, systemClock, kept.slice(0, 2));
      await tx.query('SAVEPOINT here');
      await recordEvent(tx, systemClock, lost);
      await tx.query('ROLLBACK TO here');
      await recordEvents(tx, systemClock, kept.slice(2));
    });
    await untilSettled(seal, 3);
    expect(await subjects(a, start)).toEqual([kept[0]?.subject, kept[2]?.subject]);
    expect(await positions(a)).toEqual(Array.from({ length: start + 2 }, (_, index) => index + 1));
    const log_ = await logPositions();
    expect(log_).toEqual(Array.from({ length: log_.length }, (_, index) => index + 1));
  });

  test('a batch is bounded, and the next goes on where it ended', async () => {
    const { b } = log.tenants;
    const events = Array.from({ length: BATCH_EVENTS_MAX + 7 }, () => newTestEvent(b));
    const start = (await positions(b)).length;
    await log.database.asTenant(b, (tx) => recordEvents(tx, systemClock, events));
    await untilSettled(seal, BATCH_EVENTS_MAX);
    expect((await seal()).events).toBe(7);
    const first = await subjects(b, start);
    expect([...first, ...(await subjects(b, start + first.length))]).toEqual(events.map((event) => event.subject));
  });

  test('rows that a restore brought from another cluster are sealed, though their transactions are not born yet', async () => {
    const { a } = log.tenants;
    await log.tamper(
      `INSERT INTO event_inbox (tenant_id, event_id, xid, type, subject, actor, data)
       VALUES ($1, $2, '9000000000000', 'job.retried', 'restored', 'system', '{"jobId":"restored"}')`,
      [a, newId('event', systemClock)],
    );
    expect((await seal()).events).toBe(0);
    await log.tamper(`UPDATE sealer_state SET lease_until = '-infinity'`);
    const acquired = await acquireSealerLease(log.database, 'node_after_restore', LEASE_MS);
    await expect(seal()).rejects.toThrow(DeposedError);
    if (acquired) lease = acquired.lease;
    await untilSettled(seal, 1);
    expect((await subjects(a)).at(-1)).toBe('restored');
  });

  /** Lets the lease end and takes it, whoever holds it and whatever he is about to do. */
  const usurp = (holder: string): Promise<SealerLease> =>
    log.database.transaction(async (tx) => {
      await tx.query(`UPDATE sealer_state SET lease_until = '-infinity'`);
      const [row] = await tx.query<{ token: number }>(ACQUIRE_SEALER_LEASE, [holder, LEASE_MS]);
      if (!row) throw new Error('a lease that is over can be taken');
      return { holder, token: row.token };
    });

  test('a lease that was taken anew under the same name deposes the old one', async () => {
    const { a } = log.tenants;
    const old = await usurp('node_same');
    lease = await usurp('node_same');
    await log.record(a, 1);
    await expect(sealBatch(log.database, old, LEASE_MS)).rejects.toThrow(DeposedError);
    await untilSettled(seal, 1);
  });

  test('of sealers at work at the same time, only the one with the current lease writes, and each event once', async () => {
    const { a, b } = log.tenants;
    const before = (await logPositions()).length;
    let committed = 0;
    const isDone = () => committed === 20;
    const writer = async () => {
      for (let round = 0; round < 10; round += 1) {
        await log.record(round % 2 ? a : b, 3);
        committed += 1;
      }
    };
    const usurper = async (holder: string) => {
      let own: SealerLease | undefined;
      while (!isDone() || (await log.database.query('SELECT FROM event_inbox LIMIT 1')).length > 0) {
        own ??= await usurp(holder);
        await sealBatch(log.database, own, LEASE_MS).catch((error: unknown) => {
          if (!(error instanceof DeposedError)) throw error;
          own = undefined;
        });
      }
    };
    await Promise.all([writer(), writer(), usurper('node_1'), usurper('node_2'), usurper('node_3')]);
    const after = await logPositions();
    expect(after).toEqual(Array.from({ length: before + 60 }, (_, index) => index + 1));
    expect(new Set(await subjects(a)).size).toBe((await subjects(a)).length);
  });
});

/** Seals once what was committed is settled: transactions of other databases of the cluster count, too. */
async function untilSettled(seal: () => Promise<{ events: number }>, events: number): Promise<void> {
  let sealed = 0;
  await expect.poll(async () => (sealed += (await seal()).events), { timeout: 20_000, interval: 5 }).toBe(events);
}
