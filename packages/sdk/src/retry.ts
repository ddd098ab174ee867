import type { SafelightError } from './errors.ts';

/** How long a call that may be repeated is repeated. */
export interface RetryPolicy {
  /** Repetitions after the first attempt. */
  readonly retriesMax: number;
  /** Milliseconds that one call may spend waiting between attempts, all together. */
  readonly waitMsMax: number;
  /** The first wait where the answer names none; doubles each time. */
  readonly backoffMs: number;
}

export const RETRY_DEFAULTS: RetryPolicy = { retriesMax: 4, waitMsMax: 30_000, backoffMs: 250 };

/** Statuses that a proxy in front of the service gives while the service itself cannot speak. */
const TRANSIENT_STATUSES: readonly number[] = [429, 502, 503, 504];

/**
 * Whether the same request may succeed later: nothing answered, or the answer says so. The service sends Retry-After
 * with exactly the errors that its catalogue calls retryable.
 */
export function isRetryable(error: SafelightError): boolean {
  return error.code === 'unreachable' || error.retryAfter !== undefined || TRANSIENT_STATUSES.includes(error.status);
}

/**
 * Milliseconds to wait before repetition `retry` (0 is the first), or undefined when the call has to fail now.
 * `chance` in [0, 1) spreads the callers of one outage over the wait's upper half; Retry-After is a floor.
 */
export function retryDelayMs(
  error: SafelightError,
  retry: number,
  waitedMs: number,
  policy: RetryPolicy,
  chance: number,
): number | undefined {
  if (!isRetryable(error) || retry >= policy.retriesMax) return undefined;
  const backoffMs = policy.backoffMs * 2 ** retry * (0.5 + chance / 2);
  const delayMs = Math.max((error.retryAfter ?? 0) * 1000, backoffMs);
  return waitedMs + delayMs > policy.waitMsMax ? undefined : delayMs;
}

/** Waits; rejects with the signal's reason as soon as it aborts. */
export function pause(delayMs: number, signal?: AbortSignal): Promise<void> {
  return new Promise((resolve, reject) => {
    if (signal?.aborted) {
      reject(signal.reason);
      return;
    }
    const abort = () => {
      clearTimeout(timer);
      reject(signal?.reason);
    };
    const timer = setTimeout(() => {
      signal?.removeEventListener('abort', abort);
      resolve();
    }, delayMs);
    signal?.addEventListener('abort', abort, { once: true });
  });
}

/** A number in [0, 1) from the platform's own randomness. */
export function chance(): number {
  const [word = 0] = crypto.getRandomValues(new Uint32Array(1));
  return word / 2 ** 32;
}
