import { invariant } from './invariant.ts';

export interface BackoffOptions {
  readonly baseMs: number;
  readonly capMs: number;
}

/**
 * How long to wait before the next try: exponential with full jitter, which spreads a crowd of retries best for the
 * work it costs (M. Brooker, "Exponential Backoff And Jitter", AWS Architecture Blog, 2015).
 * @param attempt failures so far, from 1.
 * @param random uniform in [0, 1), from the injected clock.
 * @returns whole milliseconds, uniform from 0 to min(capMs, baseMs × 2^(attempt − 1)).
 */
export function backoffMs(attempt: number, options: BackoffOptions, random: number): number {
  invariant(Number.isInteger(attempt) && attempt >= 1, `attempts are counted from 1, got ${attempt}`);
  invariant(random >= 0 && random < 1, `randomness lies in [0, 1), got ${random}`);
  const ceilingMs = Math.min(options.capMs, options.baseMs * 2 ** (attempt - 1));
  return Math.floor(random * (Math.floor(ceilingMs) + 1));
}
