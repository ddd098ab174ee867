import { randomBytes, randomFillSync, randomInt } from 'node:crypto';

/**
 * Time and randomness, injected so that a seeded simulation can drive the real policy code.
 * Leases, retries and budgets never use this clock: their times come from the database's.
 */
export interface Clock {
  /** Milliseconds since the Unix epoch. May jump; use only for labels and identifiers. */
  now(): number;
  /** Milliseconds from an arbitrary origin that never run backwards. Use for durations. */
  monotonic(): number;
  /** A uniform number in [0, 1). */
  random(): number;
  /** `count` unpredictable bytes. */
  bytes(count: number): Uint8Array;
}

const TWO_POW_32 = 2 ** 32;

/** The machine's own clock and the kernel's randomness. */
export const systemClock: Clock = {
  now: () => Date.now(),
  monotonic: () => performance.now(),
  random: () => randomInt(TWO_POW_32) / TWO_POW_32,
  bytes: pooledBytes(4_096),
};

/** Identifiers take ten bytes a dozen times for each upload: the kernel is asked for all of them at once. */
function pooledBytes(poolBytes: number): Clock['bytes'] {
  const pool = new Uint8Array(poolBytes);
  let taken = poolBytes;
  return (count) => {
    if (count > poolBytes / 64) return randomBytes(count);
    if (taken + count > poolBytes) {
      randomFillSync(pool);
      taken = 0;
    }
    const bytes = pool.slice(taken, taken + count);
    // What was handed out may be part of a secret.
    pool.fill(0, taken, taken + count);
    taken += count;
    return bytes;
  };
}
