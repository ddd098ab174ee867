import { SCALING_BOUNDS, SCALING_REASONS } from '@safelight/contract';
import { SafelightError } from '@safelight/sdk';
import type { Decision } from './fleet-history.ts';
import { troubleOf } from './words.ts';

/** `0.4 s`, `12 s`, `3.5 min`, `2 h`; `never` for null. */
export function formatSeconds(seconds: number | null): string {
  if (seconds === null) return 'never';
  if (seconds < 9.95) return `${Number(seconds.toFixed(1))}\u00a0s`;
  if (seconds < 119.5) return `${Math.round(seconds)}\u00a0s`;
  if (seconds < 7_170) return `${Number((seconds / 60).toFixed(seconds < 600 ? 1 : 0))}\u00a0min`;
  return `${Number((seconds / 3_600).toFixed(1))}\u00a0h`;
}

/** Which way a decision takes the fleet. */
export function wayOf({ workers, workersBefore }: Decision): 'up' | 'down' | 'held' {
  if (workers === workersBefore) return 'held';
  return workers > workersBefore ? 'up' : 'down';
}

/** `3 → 5`, or `5` where nothing changes. */
export function sizeText({ workers, workersBefore }: Decision): string {
  return workers === workersBefore ? String(workers) : `${workersBefore}\u00a0→\u00a0${workers}`;
}

/** Why, in sentences: the reason, what cut it, and whether the order was taken. */
export function whyText({ reason, cutBy, failure }: Decision): string {
  const [tightest] = cutBy;
  const cut = tightest === undefined ? '' : ` Held by: ${lowerFirst(SCALING_BOUNDS[tightest])}`;
  return `${SCALING_REASONS[reason]}${cut}${failure === undefined ? '' : ` The machines did not come: ${failure}`}`;
}

/** Why a key does not open the page. */
export function refusalText(error: unknown): string {
  if (error instanceof SafelightError && error.status === 401)
    return 'Safelight does not know this key; perhaps it was revoked, or a character is missing.';
  if (error instanceof SafelightError && error.code === 'scope_missing')
    return 'This key may not see the fleet: it has no scope “admin”. The operator’s key has it.';
  return troubleOf(error).text;
}

function lowerFirst(text: string): string {
  return text.charAt(0).toLowerCase() + text.slice(1);
}
