import type { Clock } from '../core/clock.ts';
import { lowestId } from '../core/ids.ts';
import type { Database, Transaction } from '../db/database.ts';
import { countBatchPending, orderRenditions, renditionDigest, type SourceFacts } from '../renditions/index.ts';
import { BudgetExhaustedError } from '../usage/index.ts';
import type { PresetRow } from './model.ts';
import { lockLate, lockNext, lockPass, moveLate, movePass, restPass, selectDue } from './pass.sql.ts';
import { countEnded, type InWindow, readWindow, WINDOW_MAX } from './window.ts';

interface Deps {
  readonly database: Database;
  readonly clock: Clock;
  /** See {@link PENDING_MAX}. */
  readonly pendingMax?: number;
  /** A pass that failed rests for a minute, and keeps no other from going on. */
  readonly onError?: (error: unknown) => void;
}

/** Some 50 ms of work, in which no upload of the same bytes passes. */
const ORDERED_AT_ONCE = 25;
/**
 * Renditions that a tenant may have pending in the lane `batch` while more are ordered: enough for a hundred workers
 * between two turns, and little enough that what comes next does not stand behind a whole tenant's pictures.
 */
const PENDING_MAX = 250;
/** One preset's share of a turn. */
const STEPS_MAX = 10;
/**
 * Nodes act on what stood before for five seconds, an upload may take half a minute to commit, and clocks differ: what
 * came in so long before or after a change is looked at a second time, when that is over.
 */
const LATE_SECONDS = 60;
const LATE_DUE_SECONDS = 2 * LATE_SECONDS;
/** After a failure, such as of a budget that does not hold what is to be ordered. */
const REST_SECONDS = 60;

/** One turn of every pass that is not over. @returns how many those are, and how many renditions were ordered. */
export async function advancePasses(
  deps: Deps,
  signal: AbortSignal,
): Promise<{ readonly passes: number; readonly ordered: number }> {
  const { database } = deps;
  let ordered = 0;
  const due = await database.query<{ tenantId: string; name: string }>(selectDue, [LATE_DUE_SECONDS]);
  for (const { tenantId, name } of due) {
    for (let step = 0; step < STEPS_MAX && !signal.aborted; step += 1) {
      const now = await advance(deps, tenantId, name);
      ordered += now;
      if (now === 0) break;
    }
  }
  return { passes: due.length, ordered };
}

/** Orders the next pictures and counts those that have ended, in one transaction: a crash leaves both or neither. */
async function advance(deps: Deps, tenantId: string, name: string): Promise<number> {
  const { database } = deps;
  try {
    return await database.asTenant(tenantId, async (tx) => {
      const [row] = await tx.query<PresetRow>(lockPass, [tenantId, name]);
      if (!row) return 0;
      return row.finished_at ? lookAgain(tx, deps, row) : goOn(tx, deps, row);
    });
  } catch (error) {
    if (!(error instanceof BudgetExhaustedError)) deps.onError?.(error);
    await database.asTenant(tenantId, (tx) => tx.query(restPass, [tenantId, name, REST_SECONDS]));
    return 0;
  }
}

interface NextOriginal {
  readonly original_id: string;
  readonly facts: SourceFacts;
}

async function goOn(tx: Transaction, deps: Deps, row: PresetRow): Promise<number> {
  const { tenant_id: tenantId, name } = row;
  const window = await readWindow(tx, row);
  const { ended, settledTo } = settle(row, window);
  const room = await roomOf(tx, deps, tenantId, window.length - ended.length);
  const values = [tenantId, row.ordered_to, row.up_to, room];
  const next = room > 0 ? await tx.query<NextOriginal>(lockNext, values) : [];
  await order(tx, deps.clock, row, next);
  const isAll = room > 0 && next.length < room;
  const orderedTo = isAll ? row.up_to : (next.at(-1)?.original_id ?? row.ordered_to);
  const isWaited = window.length > ended.length || next.length > 0;
  const isOver = orderedTo === row.up_to && !isWaited;
  const { done, failed } = countEnded(ended);
  await tx.query(movePass, [tenantId, name, orderedTo, settledTo, done, failed, isOver]);
  return next.length;
}

/** What has ended with nothing before it that has not. */
function settle(row: PresetRow, window: readonly InWindow[]): { ended: readonly InWindow[]; settledTo: string } {
  const waiting = window.findIndex(({ state }) => state === 'pending');
  const ended = waiting < 0 ? window : window.slice(0, waiting);
  const isAll = waiting < 0 && window.length < WINDOW_MAX;
  return { ended, settledTo: isAll ? row.ordered_to : (ended.at(-1)?.original_id ?? row.settled_to) };
}

async function lookAgain(tx: Transaction, deps: Deps, row: PresetRow): Promise<number> {
  const { tenant_id: tenantId, name, late_to: lateTo, changed_at: changedAt } = row;
  const idAt = (seconds: number) => lowestId('original', changedAt.getTime() + 1_000 * seconds);
  const from = lateTo === null || lateTo === '' ? idAt(-LATE_SECONDS) : lateTo;
  const room = await roomOf(tx, deps, tenantId, 0);
  if (room === 0) return 0;
  const values = [tenantId, from, idAt(LATE_SECONDS), room, renditionDigest(row.transformation)];
  const next = await tx.query<NextOriginal>(lockLate, values);
  await order(tx, deps.clock, row, next);
  const isAll = next.length < room;
  await tx.query(moveLate, [tenantId, name, isAll ? null : (next.at(-1)?.original_id ?? from)]);
  return next.length;
}

/** How many may be ordered now. */
async function roomOf(
  tx: Transaction,
  { pendingMax = PENDING_MAX }: Deps,
  tenantId: string,
  waiting: number,
): Promise<number> {
  const pending = await countBatchPending(tx, tenantId, pendingMax);
  return Math.max(0, Math.min(ORDERED_AT_ONCE, pendingMax - pending, WINDOW_MAX - 1 - waiting));
}

async function order(tx: Transaction, clock: Clock, row: PresetRow, originals: readonly NextOriginal[]): Promise<void> {
  const { tenant_id: tenantId, transformation } = row;
  for (const { original_id: originalId, facts: source } of originals) {
    const order = { tenantId, originalId, source, transformations: [transformation], lane: 'batch' } as const;
    await orderRenditions(tx, clock, order);
  }
}
