import { planPricesSchema } from '@safelight/contract';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { createTestLog, type TestLog } from '../../../../test/support/events.ts';
import { systemClock } from '../core/clock.ts';
import { newId } from '../core/ids.ts';
import type { Database, OpenTransaction } from '../db/database.ts';
import { type NewEvent, recordEvents } from '../events/index.ts';
import { endTenantDeletion } from '../tenants/index.ts';
import { NodeCounts } from './counts.ts';
import { foldUsage, keepPrices } from './fold.ts';
import { readStoredBytes, readUsage } from './read.ts';
import { recountUsage } from './recount.ts';

const FREE = planPricesSchema.parse({});
const PIXELS = 1_000_000;

/** A rendition that was made; `isCharged` on one of the events that tell of it. */
function made(tenantId: string, isCharged = true): NewEvent {
  const renditionId = newId('rendition', systemClock);
  const picture = { format: 'jpeg', width: 1000, height: 1000, bytes: 5_000, renderMs: 40 };
  return {
    ...{ tenantId, type: 'rendition.ready', subject: renditionId, actor: 'system' },
    data: {
      ...{ renditionId, transformation: 'w=1000', ...picture },
      ...(isCharged && { storedBytes: picture.bytes, charge: { cpuMs: 40, pixels: PIXELS } }),
    },
  };
}

describe.each([18, 15] as const)('the meter, on PostgreSQL %i', (major) => {
  let log: TestLog;
  beforeAll(async () => {
    log = await createTestLog(major);
  });
  afterAll(() => log.close());

  const record = (events: readonly NewEvent[]) =>
    log.database.transaction((tx) => recordEvents(tx, systemClock, events));
  const fold = () => foldUsage(log.database, systemClock);
  const usageOf = (tenantId: string) =>
    log.database.asTenant(tenantId, (tx) => readUsage(tx, tenantId, { by: 'hour' }, FREE));
  const recount = async () => (await recountUsage(log.database, undefined)).differences.filter(({ hour }) => hour);

  it('counts what is sealed once, however many fold it at once and however often', async () => {
    const { a, b } = log.tenants;
    await record([made(a), made(a), made(a, false), made(b)]);
    await log.sealAll();
    await Promise.all(Array.from({ length: 8 }, fold));
    await fold();
    const { series } = await usageOf(a);
    expect(series.total.usage).toMatchObject({ renders: 2, renderCpuMs: 80, pixels: 2 * PIXELS });
    expect(series.closingBytes).toBe(10_000);
    expect((await usageOf(b)).series.total.usage.renders).toBe(1);
    expect(await recount()).toEqual([]);
  });

  it('has counted nothing and moved nothing when it dies before its commit', async () => {
    const { a } = log.tenants;
    const before = (await usageOf(a)).series.total.usage.renders;
    await record([made(a)]);
    await log.sealAll();
    const dying = log.database.transaction(async (tx) => {
      const same = { transaction: (work: (tx: OpenTransaction) => Promise<unknown>) => work(tx) };
      await foldUsage(same as unknown as Database, systemClock);
      throw new Error('killed');
    });
    await expect(dying).rejects.toThrow('killed');
    expect((await usageOf(a)).series.total.usage.renders).toBe(before);
    await fold();
    expect((await usageOf(a)).series.total.usage.renders).toBe(before + 1);
    expect(await recount()).toEqual([]);
  });

  it('names the hour and the meter where it was tampered with', async () => {
    const { a } = log.tenants;
    await log.tamper('UPDATE usage_hours SET renders = renders + 5 WHERE tenant_id = $1', [a]);
    const [difference, ...others] = await recount();
    expect(others).toEqual([]);
    expect(difference).toMatchObject({ tenantId: a, meter: 'renders' });
    expect((difference?.metered ?? 0) - (difference?.recounted ?? 0)).toBe(5);
    await log.tamper('UPDATE usage_hours SET renders = renders - 5 WHERE tenant_id = $1', [a]);
    expect(await recount()).toEqual([]);
  });

  it('counts a batch of a node’s once, also when its first answer was lost', async () => {
    const { a } = log.tenants;
    const counts = new NodeCounts(newId('node', systemClock));
    counts.add(a, 100, 9_000);
    counts.add(a, 100, 1_000);
    const lossy = {
      query: async <Row>(...query: Parameters<typeof log.database.query>): Promise<Row[]> => {
        await log.database.query(...query);
        throw new Error('the connection was lost after the commit');
      },
    };
    await expect(counts.flush(lossy)).rejects.toThrow('lost');
    counts.add(a, 1, 1);
    // The same batch again, and then what came meanwhile.
    await counts.flush(log.database);
    await counts.flush(log.database);
    expect((await usageOf(a)).series.total.usage).toMatchObject({ requests: 3, bytesIn: 201, bytesOut: 10_001 });
    expect(await recount()).toEqual([]);
  });

  it('counts nothing for stored any more when a tenant is deleted, whatever of it is still on its way', async () => {
    const { b } = log.tenants;
    // One is metered, one sealed, one neither.
    await record([made(b)]);
    await log.sealAll();
    await fold();
    await record([made(b)]);
    await log.sealAll();
    await record([made(b)]);
    const stands = (await usageOf(b)).series.closingBytes;
    await log.database.transaction(async (tx) => {
      const bytes = await readStoredBytes(tx, b);
      expect(bytes).toBe(stands + 10_000);
      await endTenantDeletion(tx, systemClock, b, bytes);
    });
    await log.sealAll();
    await fold();
    expect((await usageOf(b)).series.closingBytes).toBe(0);
    expect(await recount()).toEqual([]);
  });

  it('writes prices down from the next hour on, and those of before stay', async () => {
    const { a } = log.tenants;
    await keepPrices(log.database, true);
    const prices = (micros: number) => JSON.stringify(planPricesSchema.parse({ renderSecond: micros }));
    const raise = (micros: number) =>
      log.tamper(`UPDATE plans SET prices = $1::jsonb, version = version + 1 WHERE plan = 'unlimited'`, [
        prices(micros),
      ]);
    await raise(1_000_000);
    await keepPrices(log.database, true);
    await keepPrices(log.database, true);
    const rows = await log.database.query(
      `SELECT isfinite(from_hour) AS later, from_hour > now() AS ahead, prices ->> 'renderSecond' AS price
       FROM usage_prices WHERE tenant_id = $1 ORDER BY from_hour`,
      [a],
    );
    expect(rows).toEqual([
      { later: false, ahead: false, price: null },
      { later: true, ahead: true, price: '1000000' },
    ]);
    // What was used up to now costs what it cost.
    expect((await usageOf(a)).series.total.costMicros).toBe(0);
  });
});
