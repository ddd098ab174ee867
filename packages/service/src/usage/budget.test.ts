import { planPricesSchema } from '@safelight/contract';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { createTestLog, type TestLog } from '../../../../test/support/events.ts';
import { insertOriginals, newJob } from '../../../../test/support/queue.ts';
import { systemClock } from '../core/clock.ts';
import { recordEvent } from '../events/index.ts';
import { cancelJobs, claim, complete, enqueue, keepReservation } from '../jobs/index.ts';
import { readBudget, setBudget, standingOf } from './budget.ts';
import { foldUsage } from './fold.ts';
import { BudgetExhaustedError, reserveRenders } from './reserve.ts';

/** A CPU second costs one unit, and nothing else costs. */
const PRICES = planPricesSchema.parse({ renderSecond: 1_000_000 });
const UNIT = 1_000_000;
const NODE = 'node_1';

describe('a budget', () => {
  let log: TestLog;
  let tenantId: string;
  beforeAll(async () => {
    log = await createTestLog();
    tenantId = log.tenants.a;
    await log.tamper(`UPDATE plans SET prices = $1::jsonb WHERE plan = 'unlimited'`, [JSON.stringify(PRICES)]);
  });
  afterAll(() => log.close());

  const set = (hardUnits: number | null, softUnits: number | null = null) =>
    log.database.transaction((tx) =>
      setBudget(
        tx,
        systemClock,
        tenantId,
        { hardMicros: hardUnits && hardUnits * UNIT, softMicros: softUnits && softUnits * UNIT },
        { actor: 'test', plan: { name: 'unlimited', version: 1, prices: PRICES } },
      ),
    );
  const budget = () => log.database.asTenant(tenantId, (tx) => readBudget(tx, tenantId));
  const fold = async () => {
    await log.sealAll();
    await foldUsage(log.database, systemClock);
  };
  /** Orders work of one CPU second as a request does. */
  async function order(): Promise<string> {
    const [originalId = ''] = await insertOriginals(log.database, tenantId, 1);
    return log.database.asTenant(tenantId, async (tx) => {
      const job = newJob(tenantId, originalId);
      const use = { cpuMicros: job.costMicros, pixels: 0, storedBytes: 0 };
      const [reserved, { jobId }] = await Promise.all([
        reserveRenders(tx, systemClock, tenantId, use),
        enqueue(tx, job),
      ]);
      if (reserved > 0) await keepReservation(tx, tenantId, jobId, reserved);
      return originalId;
    });
  }
  /** Ends all work that is ordered, each at the cost that is told, and tells of it as a worker does. */
  async function work(cpuMs: number): Promise<number> {
    const jobs = await claim(log.database, NODE, 64);
    for (const job of jobs) {
      await log.database.transaction(async (tx) => {
        await complete(tx, job);
        const picture = { format: 'jpeg', width: 1, height: 1, bytes: 1, renderMs: cpuMs };
        const data = { renditionId: 'ren_1', transformation: 'w=1', ...picture, charge: { cpuMs } };
        await recordEvent(tx, systemClock, { tenantId, type: 'rendition.ready', subject: 'r', actor: 'system', data });
      });
    }
    return jobs.length;
  }
  const outcomes = async (orders: number) => {
    const settled = await Promise.allSettled(Array.from({ length: orders }, order));
    const refused = settled.flatMap((one) => (one.status === 'rejected' ? [one.reason] : []));
    expect(refused.filter((reason) => !(reason instanceof BudgetExhaustedError))).toEqual([]);
    return { ordered: orders - refused.length, refused: refused.length };
  };

  beforeEach(async () => {
    await work(1);
    await fold();
    await log.tamper('DELETE FROM usage_hours WHERE tenant_id = $1', [tenantId]);
    await log.tamper('DELETE FROM budgets WHERE tenant_id = $1', [tenantId]);
  });

  it('is not asked of a tenant that has none, who reserves nothing', async () => {
    expect(await outcomes(5)).toEqual({ ordered: 5, refused: 0 });
    expect(await log.database.query('SELECT FROM jobs WHERE reserved_micros > 0')).toEqual([]);
  });

  it('lets as much be ordered at once as it holds, though 50 times as much is asked for in the same moment', async () => {
    await set(4);
    expect(await outcomes(200)).toEqual({ ordered: 4, refused: 196 });
    expect(await budget()).toMatchObject({ reservedMicros: 4 * UNIT, meteredMicros: 0 });
    expect(standingOf(await budget())).toBe('exhausted');
  });

  it('is overrun by no more than what work in flight takes beyond its prediction', async () => {
    await set(4);
    // Each takes half as much again as was predicted.
    for (let round = 0; round < 20; round += 1) {
      await outcomes(10);
      await work(1_500);
      await fold();
    }
    const { meteredMicros = 0, reservedMicros } = (await budget()) ?? {};
    expect(reservedMicros).toBe(0);
    expect(meteredMicros).toBeGreaterThanOrEqual(4 * UNIT);
    expect(meteredMicros).toBeLessThanOrEqual(4 * UNIT + 4 * UNIT * 0.5);
    expect(await outcomes(3)).toEqual({ ordered: 0, refused: 3 });
  });

  it('holds what is reserved until the cost is metered: between the two nothing more is let through', async () => {
    await set(2);
    await outcomes(2);
    await work(1_000);
    // Done and not yet sealed, sealed and not yet metered.
    expect(await outcomes(1)).toEqual({ ordered: 0, refused: 1 });
    await foldUsage(log.database, systemClock);
    expect(await budget()).toMatchObject({ reservedMicros: 2 * UNIT, meteredMicros: 0 });
    await fold();
    expect(await budget()).toMatchObject({ reservedMicros: 0, meteredMicros: 2 * UNIT });
  });

  it('gets back what cheaper work did not take', async () => {
    await set(2);
    await outcomes(2);
    await work(100);
    await fold();
    expect(await budget()).toMatchObject({ reservedMicros: 0, meteredMicros: 200_000 });
    expect(await outcomes(2)).toEqual({ ordered: 1, refused: 1 });
  });

  it('gets back what was reserved for work that is cancelled, and for work that dies', async () => {
    await set(2);
    const originalId = await order();
    await log.database.asTenant(tenantId, (tx) => cancelJobs(tx, tenantId, originalId));
    await fold();
    expect(await budget()).toMatchObject({ reservedMicros: 0 });
    await order();
    await log.database.query(
      `UPDATE jobs SET state = 'dead', died_at = now(), cause_code = 'x', cause_message = 'x' WHERE tenant_id = $1`,
      [tenantId],
    );
    await fold();
    expect(await budget()).toMatchObject({ reservedMicros: 0 });
    // Who tries it again takes its place again.
    await log.database.query(`UPDATE jobs SET state = 'queued', died_at = NULL WHERE tenant_id = $1`, [tenantId]);
    expect(await budget()).toMatchObject({ reservedMicros: UNIT });
  });

  it('tells of each bound once in a month', async () => {
    await set(3, 1);
    for (let round = 0; round < 4; round += 1) {
      await outcomes(1);
      await work(1_000);
      await fold();
    }
    await fold();
    const told = await log.database.query<{ type: string }>(
      `SELECT type FROM events WHERE tenant_id = $1 AND type ~ '^budget.*reached' ORDER BY position`,
      [tenantId],
    );
    expect(told.slice(-2).map(({ type }) => type)).toEqual(['budget.soft_reached', 'budget.hard_reached']);
  });

  it('begins anew with the month, without waiting for the meter', async () => {
    await set(1);
    await outcomes(1);
    await work(1_000);
    await fold();
    expect(await outcomes(1)).toEqual({ ordered: 0, refused: 1 });
    // As if all that had been a month ago.
    await log.tamper(
      `UPDATE budgets SET month = month - interval '1 month', closed_until = closed_until - interval '1 month'`,
    );
    await log.tamper(`UPDATE usage_hours SET hour = hour - interval '1 month'`);
    expect(await outcomes(2)).toEqual({ ordered: 1, refused: 1 });
  });
});
