/**
 * What tenants use, what it costs, and their ceilings. Work and storage are metered from sealed events (`foldUsage`):
 * any event that carries `charge` or `storedBytes` counts, once, in the transaction that moves the place in the log.
 * Requests and bytes on the wire, which have no transaction, are counted by nodes (`NodeCounts`) and handed in under a
 * number that counts once. All sums are kept by the hour of the database's clock in UTC, and `recountUsage` counts them
 * again from the raw records. Costs are never stored: they follow from the hours and the prices that held then.
 *
 * A budget stops work before it is ordered: `reserveRenders` takes the predicted cost in the transaction that orders,
 * and it is let go when the meter has seen what the work did cost.
 * Rates of a plan are shared by the nodes: `agreeOnRates` gives each its part, so that a request is held to it without
 * asking. `claimStorage` guards the last byte of a tenant's storage, `readPeriods` tells what a day or month has used.
 */
export {
  type Budget,
  type BudgetBounds,
  type BudgetStanding,
  readBudget,
  setBudget,
  standingOf,
  tellHardReached,
} from './budget.ts';
export { NodeCounts } from './counts.ts';
export { readUsageEvents } from './export.ts';
export { foldUsage, keepPrices } from './fold.ts';
export { type PeriodUse, readPeriods } from './periods.ts';
export { agreeOnRates, countFrontNodes, type Rate, type RateReport } from './rates.ts';
export { readStoredBytes, readUsage } from './read.ts';
export { type Recount, recountUsage, type UsageDifference } from './recount.ts';
export { BudgetExhaustedError, type PredictedUse, reserveRenders } from './reserve.ts';
export { toUsageResource, usageCsv } from './show.ts';
export { claimStorage, StorageFullError } from './storage.ts';
