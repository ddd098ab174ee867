import type { Queryable } from '../db/database.ts';
import { READ_FLOW } from './flow.sql.ts';

export interface WorkFlow {
  /** Predicted work that was ever asked for, in CPU-seconds: its growth is what arrives. */
  readonly workSecondsCharged: number;
  /** Jobs that workers hold. */
  readonly running: number;
  /** Predicted work of those, whole, in CPU-seconds. */
  readonly workSecondsRunning: number;
}

/** What came into the queue so far and what is under way, over all tenants. */
export async function readFlow(database: Queryable): Promise<WorkFlow> {
  const [row] = await database.query<{ chargedMicros: number; running: number; runningMicros: number }>(READ_FLOW);
  const { chargedMicros = 0, running = 0, runningMicros = 0 } = row ?? {};
  return { workSecondsCharged: chargedMicros / 1e6, running, workSecondsRunning: runningMicros / 1e6 };
}
