import type { Logger } from 'pino';
import type { BreakerState } from '../core/breaker.ts';
import { isArchiveFailure } from '../db/embedded/archive.ts';
import type { DatabaseObserver } from '../db/guard.ts';
import type { Metrics } from '../telemetry/metrics.ts';

const OPENNESS = { closed: 0, 'half-open': 0.5, open: 1 } as const satisfies Record<BreakerState, number>;

/** Counts what a driver does because its object store is slow or away. */
export function observeStore({ breakerOpen, retries, hedges }: Metrics) {
  breakerOpen.set({ what: 'objects' }, OPENNESS.closed);
  return {
    onRetry: () => retries.inc({ what: 'objects' }),
    onHedge: () => hedges.inc(),
    onBreaker: (state: BreakerState) => breakerOpen.set({ what: 'objects' }, OPENNESS[state]),
  };
}

/** Counts what becomes of calls while the database is slow or away. */
export function observeDatabase({ breakerOpen, retries }: Metrics): DatabaseObserver {
  breakerOpen.set({ what: 'database' }, OPENNESS.closed);
  return {
    onRetry: () => retries.inc({ what: 'database' }),
    onBreaker: (state) => breakerOpen.set({ what: 'database' }, OPENNESS[state]),
  };
}

/** Keeps what the embedded server says; that it cannot archive its log is told at once and counted. */
export function logOfPostgres(log: Logger, { archiveFailures }: Metrics): (line: string) => void {
  return (line) => {
    if (!isArchiveFailure(line)) return log.debug({ postgres: line }, 'postgres');
    archiveFailures.inc();
    log.warn({ postgres: line }, 'postgres');
  };
}
