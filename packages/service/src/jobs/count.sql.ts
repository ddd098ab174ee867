import { statement } from '../db/statement.ts';

/** Reads the queue's figures through the migration's `count_jobs`, whose cost is bounded by its sample. */
export const countQueue = statement(
  'jobs-count',
  `SELECT lane, queued, queued_micros AS "queuedMicros", oldest_seconds AS "oldestSeconds",
     backlog_micros AS "backlogMicros", delayed, leased, dead
   FROM count_jobs($1)`,
);
