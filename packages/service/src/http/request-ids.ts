import type { Clock } from '../core/clock.ts';
import { newId } from '../core/ids.ts';

/** Asking the kernel for randomness at each request took 6 % of the time of a delivery from memory. */
const POOL_BYTES = 4096;

/** Ids of requests, from randomness that is fetched for some hundred of them at once. */
export function createRequestIds(clock: Clock): () => string {
  let pool = clock.bytes(0);
  let used = 0;
  const bytes = (count: number) => {
    if (used + count > pool.length) {
      pool = clock.bytes(Math.max(count, POOL_BYTES));
      used = 0;
    }
    used += count;
    return pool.subarray(used - count, used);
  };
  const pooled: Clock = {
    now: () => clock.now(),
    monotonic: () => clock.monotonic(),
    random: () => clock.random(),
    bytes,
  };
  return () => newId('request', pooled);
}
