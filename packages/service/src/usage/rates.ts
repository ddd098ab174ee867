import type { Database, Queryable } from '../db/database.ts';
import { claimShare, type Shares } from './rate-share.ts';
import { countFronts, insertShares, keepShares, lockShares } from './rates.sql.ts';

/** What of a plan is a rate, in units per second. */
export type Rate = 'requests' | 'bytesIn' | 'bytesOut';

export interface RateReport {
  readonly tenantId: string;
  readonly rate: Rate;
  /** Of the plan, for all nodes together, per second. */
  readonly limit: number;
  /** What this node was asked for lately, per second. */
  readonly wanted: number;
}

interface Row {
  readonly tenantId: string;
  readonly rate: Rate;
  readonly nodes: Shares;
  readonly now: number;
}

/**
 * Tells what this node is asked for and takes its share of each rate, as the system. What is agreed on holds for five
 * seconds, so it is to be told anew before.
 * @param fronts nodes that answer requests.
 * @returns shares in units per second, in the order of the reports; undefined of a tenant that is gone.
 */
export async function agreeOnRates(
  database: Pick<Database, 'transaction'>,
  nodeId: string,
  reports: readonly RateReport[],
  fronts: number,
): Promise<(number | undefined)[]> {
  const keys = [reports.map(({ tenantId }) => tenantId), reports.map(({ rate }) => rate)];
  return database.transaction(async (tx) => {
    let rows = await tx.query<Row>(lockShares, keys);
    if (rows.length < reports.length) {
      await tx.query(insertShares, keys);
      rows = await tx.query<Row>(lockShares, keys);
    }
    const byKey = new Map(rows.map((row) => [keyOf(row), row]));
    const claimed = reports.map((report) => {
      const row = byKey.get(keyOf(report));
      const claim = { nodeId, wanted: report.wanted, rate: report.limit, nodesMin: fronts };
      return row && { row, ...claimShare(row.nodes, { ...claim, now: row.now }) };
    });
    const kept = claimed.filter((claim) => claim !== undefined);
    await tx.later.query(keepShares, [
      kept.map(({ row }) => row.tenantId),
      kept.map(({ row }) => row.rate),
      kept.map(({ shares }) => JSON.stringify(shares)),
    ]);
    return claimed.map((claim) => claim?.held);
  });
}

/** How many nodes answer requests now, as far as they have told. */
export async function countFrontNodes(database: Queryable): Promise<number> {
  const [row] = await database.query<{ fronts: number }>(countFronts);
  return row?.fronts ?? 0;
}

function keyOf({ tenantId, rate }: { readonly tenantId: string; readonly rate: Rate }): string {
  return `${tenantId} ${rate}`;
}
