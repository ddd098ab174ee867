import { Allowance } from '../core/allowance.ts';
import { Breaker, BreakerOpenError, type BreakerState } from '../core/breaker.ts';
import type { Clock } from '../core/clock.ts';
import { WaitedInVainError } from './cluster/pool.ts';
import { errorCode } from './failures.ts';

/** Told what becomes of calls while the database is ill. */
export interface DatabaseObserver {
  readonly onBreaker: (state: BreakerState) => void;
  readonly onRetry: () => void;
}

/** The database has answered nothing in time lately: it was not asked. SQLSTATE 08000, so that it passes for a loss. */
class DatabaseSilentError extends Error {
  override readonly name = 'DatabaseSilentError';
  readonly code = '08000';
}

/**
 * Transactions that are done again, as a share of all: a deadlock or a failover now and then costs no request its answer,
 * and a storm of them makes the work a fifth more, not four times as much.
 */
const RETRY_SHARE_MAX = 0.2;
/** Several times as many as there are connections, which a failover cuts all at once. */
const RETRIES_HELD_MAX = 200;

/**
 * Keeps calls from a database that takes them and answers nothing in time. A writer that is lost is no matter of this:
 * then nobody tries anyhow, and it is found again within 100 ms.
 */
export class Guard {
  readonly #breaker: Breaker;
  readonly #retries = new Allowance({ share: RETRY_SHARE_MAX, heldMax: RETRIES_HELD_MAX, held: RETRIES_HELD_MAX });
  readonly #observer: DatabaseObserver | undefined;

  constructor(clock: Pick<Clock, 'monotonic' | 'random'>, observer: DatabaseObserver | undefined) {
    this.#observer = observer;
    this.#breaker = new Breaker({ clock, what: 'the database', onChange: observer?.onBreaker });
  }

  /** @param signal of a deadline: what ends by it says nothing of the database. */
  async run<T>(call: () => Promise<T>, signal?: AbortSignal): Promise<T> {
    this.#retries.earn();
    try {
      return await this.#breaker.run(call, (error) => !signal?.aborted && isSilence(error));
    } catch (error) {
      throw error instanceof BreakerOpenError ? new DatabaseSilentError(error.message) : error;
    }
  }

  /** Whether one more transaction may be done again. */
  mayRetry(): boolean {
    const may = this.#retries.spend();
    if (may) this.#observer?.onRetry();
    return may;
  }
}

/** Nobody was served in all that time, or a statement's time was up, or a connection's that was to come about. */
function isSilence(error: unknown): boolean {
  if (error instanceof WaitedInVainError || errorCode(error) === '57014') return true;
  return error instanceof Error && error.message.startsWith('timeout exceeded when trying to connect');
}
