import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { createTestDatabase, type TestDatabase } from '../../../../test/support/database.ts';
import { agreeOnRates, type RateReport } from './rates.ts';

describe.each([18, 15] as const)('rates that nodes share, on PostgreSQL %i', (major) => {
  let test: TestDatabase;
  beforeAll(async () => {
    test = await createTestDatabase(major);
  });
  afterAll(() => test.close());

  const reports = (wanted: number): RateReport[] =>
    [test.tenants.a, test.tenants.b].flatMap((tenantId) =>
      (['requests', 'bytesIn', 'bytesOut'] as const).map((rate) => ({ tenantId, rate, limit: 60, wanted })),
    );

  it('are agreed on by nodes that all speak at once, each in an order of its own', async () => {
    const nodes = ['node_1', 'node_2', 'node_3'];
    let shares: (number | undefined)[][] = [];
    for (let round = 0; round < 4; round += 1) {
      shares = await Promise.all(
        nodes.map(async (node, index) => {
          const told = index === 1 ? reports(600).reverse() : reports(600);
          const answered = await agreeOnRates(test.database, node, told, nodes.length);
          return index === 1 ? answered.reverse() : answered;
        }),
      );
    }
    for (const ofNode of shares) for (const share of ofNode) expect(share).toBeCloseTo(20);
  });

  it('are none of a tenant that is gone', async () => {
    const [gone] = await agreeOnRates(
      test.database,
      'node_1',
      [{ tenantId: 'ten_gone', rate: 'requests', limit: 60, wanted: 1 }],
      1,
    );
    expect(gone).toBeUndefined();
  });
});
