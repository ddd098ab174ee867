import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { until } from '../../../../test/support/until.ts';
import { InvariantError } from '../core/invariant.ts';
import { type MachinePool, PoolChangedError } from './machine-pool.ts';

/** A pool of the driver under test, without machines; `close` ends what it is made of. */
export interface PoolUnderTest {
  readonly pool: MachinePool;
  /** Absent: machines cannot be at work here. */
  readonly work?: {
    /** All machines are at work, also those that come, until `end`. */
    begin(): Promise<void>;
    end(): Promise<void>;
    /** Waits for as many that really run. */
    untilRunning(machines: number): Promise<unknown>;
  };
  /** Ends one machine unasked. */
  readonly kill: () => Promise<void>;
  readonly close: () => Promise<void>;
}

/** What every driver of the machine-pool port must do. */
export function describeMachinePool(name: string, make: () => Promise<PoolUnderTest>): void {
  describe(`machine pool: ${name}`, () => {
    let made: PoolUnderTest;
    beforeEach(async () => {
      made = await make();
    });
    afterEach(async () => {
      await made.close();
    });
    const pool = () => made.pool;
    const resize = async (machines: number) => pool().resize(machines, (await pool().look()).version);
    const untilPresent = (machines: number) =>
      until(`${machines} machines`, async () => (await pool().look()).present === machines);

    it('tells what one of its machines is', () => {
      const { workers, connections, startSeconds } = pool().kind;
      expect(Number.isSafeInteger(workers) && workers >= 1).toBe(true);
      expect(connections).toBeGreaterThanOrEqual(workers);
      expect(startSeconds).toBeGreaterThanOrEqual(0);
    });

    it('has as many machines as were ordered last', async () => {
      expect(await pool().look()).toMatchObject({ ordered: 0, present: 0 });
      for (const machines of [3, 1, 2, 0]) {
        await resize(machines);
        expect((await pool().look()).ordered).toBe(machines);
        await untilPresent(machines);
      }
    });

    it('takes the same order twice as one', async () => {
      await resize(2);
      await untilPresent(2);
      await resize(2);
      expect(await pool().look()).toMatchObject({ ordered: 2, present: 2 });
    });

    it('refuses an order that was thought out before another one, and keeps the other', async () => {
      const { version } = await pool().look();
      await pool().resize(1, version);
      await expect(pool().resize(3, version)).rejects.toThrow(PoolChangedError);
      expect((await pool().look()).ordered).toBe(1);
    });

    it('takes one of two orders that were thought out on the same state', async () => {
      const { version } = await pool().look();
      const orders = await Promise.allSettled([pool().resize(1, version), pool().resize(2, version)]);
      expect(orders.filter(({ status }) => status === 'fulfilled')).toHaveLength(1);
    });

    it.each([-1, 0.5, Number.NaN, Number.POSITIVE_INFINITY])('takes %d machines for a mistake', async (machines) => {
      const { version } = await pool().look();
      await expect(pool().resize(machines, version)).rejects.toThrow(InvariantError);
    });

    it('replaces a machine that ended unasked', async () => {
      await resize(2);
      await untilPresent(2);
      await made.kill();
      await untilPresent(2);
      expect((await pool().look()).ordered).toBe(2);
    });

    it('lets machines that are too many end their work first', async ({ skip }) => {
      const { work } = made;
      if (!work) return skip('the pool sees no work: how its machines drain is told to whoever runs them');
      await resize(2);
      await untilPresent(2);
      await work.begin();
      await resize(0);
      await resize(1);
      // The two that drain, and the one that came after.
      await work.untilRunning(3);
      expect(await pool().look()).toMatchObject({ ordered: 1, present: 3 });
      await work.end();
      await untilPresent(1);
    });

    it('owns no node that it did not start', () => {
      expect(pool().owns({ nodeId: 'node_00000000000000000000000000', host: 'elsewhere' })).toBe(false);
    });
  });
}
