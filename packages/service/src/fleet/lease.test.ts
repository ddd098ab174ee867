import { randomBytes } from 'node:crypto';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { connectAsSuperuser, createTestDatabase, type TestDatabase } from '../../../../test/support/database.ts';
import { until } from '../../../../test/support/until.ts';
import { systemClock } from '../core/clock.ts';
import { holdLease, type LeaseHold, LeaseLostError, type Term } from './index.ts';

const LEASE_MS = 300;

describe.each([18, 15] as const)('the lease of a role on PostgreSQL %i', (major) => {
  let test: TestDatabase;
  /** A role of each test's own. */
  let name: string;
  let holds: LeaseHold[];
  let terms: { readonly holder: string; readonly term: Term }[];

  beforeAll(async () => {
    test = await createTestDatabase(major);
  });
  afterAll(() => test.close());
  beforeEach(() => {
    name = `role_${randomBytes(4).toString('hex')}`;
    holds = [];
    terms = [];
  });
  afterEach(async () => {
    await Promise.all(holds.map((hold) => hold.stop()));
  });

  /** Leads until its term ends. */
  function campaign(holder: string, leaseMs = LEASE_MS): LeaseHold {
    const hold = holdLease(test.database, {
      name,
      holder,
      leaseMs,
      clock: systemClock,
      lead: async (term) => {
        terms.push({ holder, term });
        await over(term);
      },
      onError: (error) => {
        throw error;
      },
    });
    holds.push(hold);
    return hold;
  }

  const leader = (holder: string) => until(`${holder} leads`, () => terms.find((one) => one.holder === holder)?.term);
  const lease = async () => {
    const [row] = await test.database.query<{ holder: string | null; token: number; until: number }>(
      'SELECT holder, token, extract(epoch FROM lease_until)::float8 AS until FROM role_leases WHERE name = $1',
      [name],
    );
    return row;
  };

  it('is of one node, which renews it, and passes to another when that one stops', async () => {
    // Long enough that a busy machine is no vanished holder.
    const first = campaign('node_a', 1_500);
    await leader('node_a');
    campaign('node_b', 1_500);
    const taken = await lease();
    expect(taken).toMatchObject({ holder: 'node_a', token: 1 });
    await until('a renewal', async () => ((await lease())?.until ?? 0) > (taken?.until ?? 0));
    expect(terms).toHaveLength(1);
    expect(first.leads).toBe(true);
    await first.stop();
    expect(first.leads).toBe(false);
    expect((await leader('node_b')).token).toBe(2);
  });

  it('passes to another no sooner than it is over when its holder vanished', async () => {
    const begun = performance.now();
    await vanishedHolder("clock_timestamp() + interval '300 ms'");
    campaign('node_b');
    expect((await leader('node_b')).token).toBe(8);
    expect(performance.now() - begun).toBeGreaterThanOrEqual(300);
  });

  it('is given at once to its own holder that was restarted, under a new token', async () => {
    await vanishedHolder("clock_timestamp() + interval '1 hour'", 'node_a');
    campaign('node_a', 3_600_000);
    expect((await leader('node_a')).token).toBe(8);
  });

  it('does not stand for hours when the clock of the database was set back', async () => {
    await vanishedHolder("clock_timestamp() + interval '3 hours'");
    campaign('node_b');
    expect((await leader('node_b')).token).toBe(8);
  });

  it('refuses what an earlier holder still tries to write, and ends its term', async () => {
    campaign('node_a');
    const term = await leader('node_a');
    await test.database.transaction((tx) => term.fence(tx));
    await test.database.query(`UPDATE role_leases SET holder = 'node_b', token = token + 1 WHERE name = $1`, [name]);
    const late = test.database.transaction((tx) => term.fence(tx));
    await expect(late).rejects.toThrow(LeaseLostError);
    await until('the term ends', () => term.ended.aborted, 2_000);
    expect(await lease()).toMatchObject({ holder: 'node_b', token: 2 });
  });

  it('cannot pass to another between the fence and the commit', async () => {
    const hold = campaign('node_a');
    const term = await leader('node_a');
    campaign('node_b');
    await test.database.transaction(async (tx) => {
      await term.fence(tx);
      await over(term);
      expect(term.ended.aborted).toBe(true);
      expect(terms).toHaveLength(1);
    });
    await hold.stop();
    await leader('node_b');
  });

  it('is not believed in any longer than it lasts when the database does not answer', async () => {
    campaign('node_a');
    const term = await leader('node_a');
    const superuser = await connectAsSuperuser(test);
    try {
      await superuser.query('BEGIN; SELECT FROM role_leases FOR UPDATE');
      const begun = performance.now();
      await over(term);
      expect(performance.now() - begun).toBeLessThan(LEASE_MS + 1_000);
    } finally {
      await superuser.end();
    }
  });

  async function vanishedHolder(until: string, holder = 'node_gone'): Promise<void> {
    await test.database.query(
      `INSERT INTO role_leases (name, holder, token, lease_until) VALUES ('${name}', '${holder}', 7, ${until})`,
    );
  }
});

/** Resolves when the term has ended. */
async function over(term: Term): Promise<void> {
  const { promise, resolve } = Promise.withResolvers<void>();
  if (term.ended.aborted) return;
  term.ended.addEventListener('abort', () => resolve(), { once: true });
  await promise;
}
