import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { createTestDatabase, type TestDatabase } from '../../../../test/support/database.ts';
import { systemClock } from '../core/clock.ts';
import { isRemovalHeld, RemovalHold } from './hold.ts';

describe.each([18, 15] as const)('a hold on removals, on PostgreSQL %i', (major) => {
  let test: TestDatabase;
  beforeAll(async () => {
    test = await createTestDatabase(major);
  });
  afterAll(() => test.close());

  it('stands from when it is taken until the last of them is released', async () => {
    const { database } = test;
    expect(await isRemovalHeld(database)).toBe(false);
    const [first, second] = [
      await RemovalHold.take(database, systemClock),
      await RemovalHold.take(database, systemClock),
    ];
    await first.release();
    expect(await isRemovalHeld(database)).toBe(true);
    await second.confirm();
    await second.release();
    expect(await isRemovalHeld(database)).toBe(false);
  });

  it('ends with its lease when its backup died, and a backup that stood still for so long is told', async () => {
    const { database } = test;
    const hold = await RemovalHold.take(database, systemClock);
    await database.query(`UPDATE removal_holds SET lease_until = clock_timestamp() - interval '1 ms'`);
    expect(await isRemovalHeld(database)).toBe(false);
    await expect(hold.confirm()).rejects.toThrow(/objects may have been removed/);
    await hold.release();
  });

  it('of a clock that was set back holds nothing up for hours', async () => {
    const { database } = test;
    const hold = await RemovalHold.take(database, systemClock);
    await database.query(`UPDATE removal_holds SET lease_until = clock_timestamp() + interval '3 hours'`);
    expect(await isRemovalHeld(database)).toBe(false);
    await hold.release();
  });
});
