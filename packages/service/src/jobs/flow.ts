import type { Queryable } from '../db/database.ts';
import { READ_FLOW } from './flow.sql.ts';

export interface WorkFlow {
  /** Predicted work that was ever asked for, in CPU-seconds: its growth is what arrives. */
  readonly workSecondsCharged: number;
  /** Of it, in the lane `batch`. */
  readonly workSecondsChargedBatch: number;
  /** Jobs that workers hold. */
  readonly running: number;
  /** Predicted work of those, whole, in CPU-seconds. */
  readonly workSecondsRunning: number;
}

interface FlowRow {
  readonly chargedMicros: number;
  readonly chargedBatchMicros: number;
  readonly running: number;
  readonly runningMicros: number;
}

/** What came into the queue so far and what is under way, over all tenants. */
export async function readFlow(database: Queryable): Promise<WorkFlow> {
  const [row] = await database.query<FlowRow>(READ_FLOW);
  const { chargedMicros = 0, chargedBatchMicros = 0, running = 0, runningMicros = 0 } = row ?? {};
  return {
    workSecondsCharged: chargedMicros / 1e6,
    workSecondsChargedBatch: chargedBatchMicros / 1e6,
    running,
    workSecondsRunning: runningMicros / 1e6,
  };
}
