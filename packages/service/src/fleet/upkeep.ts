import { reapDelayMs } from '../jobs/index.ts';

/** What machines take of the claims that the database can serve, whether they have work or not. */
export interface Upkeep {
  /** A look for leases that ran out and for delayed jobs, in claims. */
  readonly claimsPerTending: number;
  /** Of a machine besides: renewing, its heartbeat. In claims per second. */
  readonly upkeepPerMachine: number;
}

/** bench/plan-model.ts. */
export const UPKEEP: Upkeep = { claimsPerTending: 1.6, upkeepPerMachine: 0.4 };

/** Of so many machines, in claims per second: the more there are, the less often each of them looks. */
export function upkeepOf({ upkeepPerMachine, claimsPerTending }: Upkeep, machines: number): number {
  const tendingsPerSecond = (machines * 1_000) / reapDelayMs(machines, 0.5);
  return machines * upkeepPerMachine + tendingsPerSecond * claimsPerTending;
}
