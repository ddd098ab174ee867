import { setTimeout as sleep } from 'node:timers/promises';

const POLL_MS = 10;

/**
 * Polls `condition` every 10 ms. True as soon as it holds; false after `msMax` or once `signal` is aborted.
 * Polling, because the states waited for here (a pid file's content, a stranger's death) have no portable event.
 */
export async function until(condition: () => boolean, msMax: number, signal?: AbortSignal): Promise<boolean> {
  const deadline = AbortSignal.timeout(msMax);
  while (!condition()) {
    if (deadline.aborted || signal?.aborted) return false;
    await sleep(POLL_MS);
  }
  return true;
}

/** Sleeps `ms`, or less when `signal` is aborted. */
export async function pause(ms: number, signal: AbortSignal): Promise<void> {
  await sleep(ms, undefined, { signal }).catch(() => undefined);
}
