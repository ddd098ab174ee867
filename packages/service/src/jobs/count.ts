import type { Queryable } from '../db/database.ts';
import { countQueue } from './count.sql.ts';
import type { Lane } from './model.ts';

/** Up to this many jobs of each lane and state are counted one by one; more are estimated. */
const COUNTED_JOBS_MAX = 5_000;

export interface LaneCount {
  readonly lane: Lane;
  readonly queued: number;
  readonly delayed: number;
  readonly leased: number;
  readonly dead: number;
  /** How long the longest waiting job has been claimable. */
  readonly oldestSeconds: number;
  /** Predicted work of the queued jobs, in CPU-seconds. */
  readonly workSeconds: number;
  /** More than 5,000 are queued: their number and work come from the tenants' accounts. */
  readonly estimated: boolean;
}

interface CountRow {
  readonly lane: Lane;
  readonly queued: number;
  readonly queuedMicros: number;
  readonly oldestSeconds: number;
  readonly backlogMicros: number;
  readonly delayed: number;
  readonly leased: number;
  readonly dead: number;
}

/** The queue's figures per lane, the most urgent first; a few milliseconds however long the queue is. */
export async function countJobs(database: Queryable, countedMax = COUNTED_JOBS_MAX): Promise<LaneCount[]> {
  const rows = await database.query<CountRow>(countQueue, [countedMax]);
  return rows.map((row) => {
    const { lane, delayed, leased, dead, oldestSeconds } = row;
    const estimated = row.queued >= countedMax;
    const workMicros = estimated ? Math.max(row.backlogMicros, row.queuedMicros) : row.queuedMicros;
    const queued = estimated ? Math.round(workMicros / (row.queuedMicros / row.queued)) : row.queued;
    return { lane, queued, delayed, leased, dead, oldestSeconds, workSeconds: workMicros / 1e6, estimated };
  });
}
