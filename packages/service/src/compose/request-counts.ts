import type { Logger } from 'pino';
import { systemClock } from '../core/clock.ts';
import { newId } from '../core/ids.ts';
import type { Database } from '../db/database.ts';
import { startCountFlush } from '../roles/meter.ts';
import { NodeCounts } from '../usage/index.ts';

/** Counts what this run of the node answers and hands it in from time to time, the last of it behind the last answer. */
export function countRequests(
  parts: { readonly database: Database; readonly log: Logger },
  undo: (() => Promise<unknown>)[],
): NodeCounts {
  // Of the run, not of the node: a restarted one begins its numbers anew.
  const counts = new NodeCounts(newId('node', systemClock));
  const flush = startCountFlush({ ...parts, counts });
  undo.push(() => flush.stop());
  return counts;
}
