/** What answered: bytes and facts from memory; facts from memory and bytes, if any, from the store; or the database. */
export type FoundIn = 'memory' | 'facts' | 'database';

/**
 * The header Server-Timing (W3C): where the answer was found, the milliseconds that the request waited for its
 * rendition, and those since it came, up to the answer's first byte.
 */
export function serverTiming(foundIn: FoundIn, waitMs: number, totalMs: number): string {
  return `cache;desc=${foundIn}, wait;dur=${roundMs(waitMs)}, total;dur=${roundMs(totalMs)}`;
}

function roundMs(ms: number): number {
  return Math.round(ms * 100) / 100;
}
