import { setTimeout as sleep } from 'node:timers/promises';

const LOOK_EVERY_MS = 25;

/**
 * Looks again and again until `look` gives something that is neither undefined nor false, and answers it.
 * @throws when `msMax` have passed, naming what was waited for and what the last look said.
 */
export async function until<T>(
  what: string,
  look: () => T | undefined | false | Promise<T | undefined | false>,
  msMax = 20_000,
): Promise<T> {
  const deadline = AbortSignal.timeout(msMax);
  let failure: unknown;
  for (;;) {
    try {
      const seen = await look();
      if (seen !== undefined && seen !== false) return seen;
    } catch (error) {
      failure = error;
    }
    if (deadline.aborted) throw new Error(`waited ${msMax} ms in vain: ${what}`, { cause: failure });
    await sleep(LOOK_EVERY_MS);
  }
}
