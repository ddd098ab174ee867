import { LRUCache } from 'lru-cache';
import { BudgetExhaustedError, type BudgetStanding, readBudget, standingOf, tellHardReached } from '../usage/index.ts';
import type { HttpDeps } from './deps.ts';
import { ProblemError } from './problem.ts';
import type { Quotas } from './quotas.ts';

/** How old the word about a budget may be; the transaction that orders work has the last one. */
const STALE_MS_MAX = 5_000;
const ENTRIES_MAX = 10_000;

interface Known {
  readonly standing: BudgetStanding;
  readonly problem: ProblemError | undefined;
}

/** How tenants stand to their budgets, as far as this node has heard: what is known to be refused needs no transaction. */
export class BudgetGuard {
  readonly #deps: Pick<HttpDeps, 'database' | 'clock' | 'log' | 'hint'>;
  readonly #quotas: Pick<Quotas, 'refuseWork'>;
  readonly #known: LRUCache<string, Known>;

  constructor(deps: Pick<HttpDeps, 'database' | 'clock' | 'log' | 'hint'>, quotas: Pick<Quotas, 'refuseWork'>) {
    this.#deps = deps;
    this.#quotas = quotas;
    this.#known = new LRUCache({
      max: ENTRIES_MAX,
      ttl: STALE_MS_MAX,
      fetchMethod: (tenantId) => this.#read(tenantId),
    });
  }

  async standing(tenantId: string): Promise<BudgetStanding> {
    return (await this.#known.fetch(tenantId))?.standing ?? 'open';
  }

  /**
   * Orders what costs, where the plan allows more of it.
   * @throws ProblemError `budget_exhausted` when it would go over the budget, and from then on for five seconds at once.
   */
  async within<T>(tenantId: string, order: () => Promise<T>): Promise<T> {
    await this.#quotas.refuseWork(tenantId);
    const problem = (await this.#known.fetch(tenantId))?.problem;
    if (problem) throw problem;
    try {
      return await order();
    } catch (error) {
      if (!(error instanceof BudgetExhaustedError)) throw error;
      await this.#stop(tenantId);
      throw exhausted(error.bound.limit, error.bound.actual);
    }
  }

  /** What was just changed here is known here. */
  forget(tenantId: string): void {
    this.#known.delete(tenantId);
  }

  async #read(tenantId: string): Promise<Known> {
    const budget = await this.#deps.database.asTenant(tenantId, (tx) => readBudget(tx, tenantId));
    const standing = standingOf(budget);
    const committed = budget && budget.meteredMicros + budget.reservedMicros;
    const isOver = standing === 'exhausted' && budget?.hardMicros != null;
    return { standing, problem: isOver ? exhausted(budget.hardMicros, committed) : undefined };
  }

  /** Whoever set the budget hears of the first refusal in a month. */
  async #stop(tenantId: string): Promise<void> {
    const { database, clock, log, hint } = this.#deps;
    await database
      .asTenant(tenantId, (tx) => tellHardReached(tx, clock, tenantId))
      .then(() => hint('events'))
      .catch((error: unknown) =>
        log.warn({ err: error, tenantId }, 'nobody could be told of a budget that is used up'),
      );
  }
}

function exhausted(limit: number, actual: number | undefined): ProblemError {
  return new ProblemError('budget_exhausted', {
    detail: 'What exists is served; new renditions and uploads wait for the next month, or for a higher budget.',
    bound: { name: 'budgetHardMicros', limit, ...(actual !== undefined && { actual }) },
  });
}
