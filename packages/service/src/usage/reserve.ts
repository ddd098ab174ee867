import { type Bound, planPricesSchema } from '@safelight/contract';
import type { Clock } from '../core/clock.ts';
import type { Queryable } from '../db/database.ts';
import { reserveBudget } from './budget.sql.ts';
import { refreshBudget } from './budget.ts';

/** What work will use, as far as it can be told beforehand. */
export interface PredictedUse {
  readonly cpuMicros: number;
  readonly pixels: number;
  /** That stay until the month's end and beyond. */
  readonly storedBytes: number;
}

/** The work would go over the tenant's hard budget; nothing was ordered. */
export class BudgetExhaustedError extends Error {
  override readonly name = 'BudgetExhaustedError';
  readonly bound: Bound;

  constructor(bound: Bound) {
    super('the work would go over the hard budget of the tenant');
    this.bound = bound;
  }
}

/** Never used: whoever sets a budget has the prices written down. */
const UNKNOWN_PRICES = planPricesSchema.parse({});

interface Answer {
  readonly hardMicros: number;
  readonly isCurrent: boolean;
  readonly committed: number;
  readonly cost: number;
  readonly isGranted: boolean;
}

/**
 * Reserves the predicted cost, where the tenant has a hard budget, until the transaction's jobs have ended and are
 * metered. Call it in the transaction that orders the work, and keep what it answers with the job.
 * @returns millionths of the currency's unit; 0 where there is nothing to keep.
 * @throws BudgetExhaustedError
 */
export async function reserveRenders(
  tx: Queryable,
  clock: Clock,
  tenantId: string,
  use: PredictedUse,
): Promise<number> {
  const values = [tenantId, Math.ceil(use.cpuMicros), Math.ceil(use.pixels), use.storedBytes];
  let [answer] = await tx.query<Answer>(reserveBudget, values);
  if (answer && !answer.isCurrent) {
    // A month has begun, or a clock was set, since the meter looked last.
    await refreshBudget(tx, clock, tenantId, UNKNOWN_PRICES);
    [answer] = await tx.query<Answer>(reserveBudget, values);
  }
  if (!answer) return 0;
  if (answer.isGranted) return answer.cost;
  const actual = answer.committed + answer.cost;
  throw new BudgetExhaustedError({ name: 'budgetHardMicros', limit: answer.hardMicros, actual });
}
