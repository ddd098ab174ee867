import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { createTestLog, type TestLog } from '../../../../test/support/events.ts';
import { until } from '../../../../test/support/until.ts';
import { systemClock } from '../core/clock.ts';
import type { Database } from '../db/database.ts';
import type { Sealer } from '../events/index.ts';
import { resumeTenant, suspendTenant } from '../tenants/index.ts';
import { type Background, runAttentive } from './background.ts';

const EVERY_MS = 20;
const HOUR_MS = 3_600_000;

describe('work that is attended to', () => {
  let log: TestLog;
  let sealer: Sealer;
  let work: Background;
  let turns: number;
  /** Rows that a turn finds. */
  let waiting: number;
  beforeAll(async () => {
    log = await createTestLog();
    sealer = log.startSealer();
  });
  beforeEach(() => {
    turns = 0;
    waiting = 0;
  });
  afterEach(() => work.stop());
  afterAll(async () => {
    await sealer.stop();
    await log.close();
  });

  function start(pollMs: number, database: Pick<Database, 'listen'> = log.database, failures: unknown[] = []) {
    work = runAttentive({
      database,
      deeds: ['tenant.suspended'],
      everyMs: EVERY_MS,
      pollMs,
      turn: async () => {
        turns += 1;
        if (failures.length > 0) throw failures.pop();
        const isBusy = waiting > 0;
        waiting = Math.max(0, waiting - 1);
        return isBusy;
      },
      onError: () => undefined,
    });
  }
  const act = () => ({ tenantId: log.tenants.a, actor: 'operator' });
  const suspend = () => log.database.transaction((tx) => suspendTenant(tx, systemClock, act(), true));
  const resume = () => log.database.transaction((tx) => resumeTenant(tx, systemClock, act()));
  /** It has looked once after it found nothing, and is at rest. */
  const atRest = async (looks: number) => {
    await until('it is at rest', () => turns === looks);
    await new Promise((resolve) => setTimeout(resolve, 10 * EVERY_MS));
    expect(turns).toBe(looks);
  };

  it('is looked for until nothing is left, twice, and then not before something is told', async () => {
    waiting = 5;
    start(HOUR_MS);
    await atRest(7);
    sealer.hint();
    await suspend();
    sealer.hint();
    await until('a deed was told', () => turns >= 9);
    await atRest(9);
  });

  it('is not looked for when something else was done', async () => {
    start(HOUR_MS);
    await atRest(2);
    await resume();
    await log.record(log.tenants.a, 3);
    sealer.hint();
    await until('it is sealed', async () => (await log.database.query('SELECT FROM event_inbox')).length === 0);
    await atRest(2);
  });

  it('is found by the next look when no word of it came', async () => {
    start(15 * EVERY_MS, { listen: () => () => undefined });
    await until('it is at rest', () => turns === 2);
    waiting = 1;
    await until('it was done', () => waiting === 0);
    expect(turns).toBe(3);
  });

  it('is looked for again at once after a failure', async () => {
    start(HOUR_MS, log.database, [new Error('the database did not answer')]);
    await atRest(3);
  });
});
